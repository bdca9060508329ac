"""Released models by their folders: name, version and digest, without loading them."""

import hashlib
from pathlib import Path
from typing import Final

import orjson
from pydantic import ValidationError

from detector.errors import ModelError
from streams.contract.records import ModelRef

MANIFEST: Final = "manifest.json"


def reference_of(folder: Path) -> ModelRef:
    """Return which model a folder holds; its files are verified when it is loaded.

    Raises:
        ModelError: the folder has no manifest that names one.
    """
    try:
        manifest = (folder / MANIFEST).read_bytes()
        digest = hashlib.sha256(manifest).hexdigest()
        return ModelRef.model_validate(orjson.loads(manifest) | {"digest": digest})
    except (OSError, TypeError, orjson.JSONDecodeError, ValidationError) as error:
        raise ModelError(f"{folder} is not a model folder: {error!r}") from error
