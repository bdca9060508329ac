"""An environment in which a package cannot be imported, as where it is not installed."""

import os
from pathlib import Path


def refusing(package: str, folder: Path) -> dict[str, str]:
    """Return environment variables for a child; ``folder`` gets a module of that name."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{package}.py").write_text(f"raise ImportError('{package} is refused by a test')\n")
    path = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(path)}
