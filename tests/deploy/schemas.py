"""Rendered objects against published schemas, offline and strictly.

Kubernetes' own kinds by the schemas that ``kubernetes-validate`` brings; custom ones by their
authors' definitions. A kind that neither knows is a problem, not a warning.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, Final

import jsonschema
import yaml
from kubernetes_validate.utils import schema_contents
from referencing import Registry, Resource

from tests.deploy.helm import Object
from tests.deploy.published import DEFINITIONS, definition

BUNDLED: Final = "kubernetes-json-schema/v{}.0-local-strict"
OPEN: Final = "x-kubernetes-preserve-unknown-fields"


def schema_problems(objects: Iterable[Object], kubernetes: str) -> list[str]:
    """Return what is wrong with them, one line each."""
    return [
        f"{one['kind']} {one['metadata']['name']}: {problem}"
        for one in objects
        for problem in _validated(one, kubernetes)
    ]


_known: Final[dict[tuple[str, str], list[str]]] = {}


def _validated(manifest: Object, kubernetes: str) -> list[str]:
    """Return its problems, once worked out for all objects that are equal."""
    key = kubernetes, repr(manifest)
    if key not in _known:
        _known[key] = list(_problems(manifest, kubernetes))
    return _known[key]


def _problems(manifest: Object, kubernetes: str) -> Iterator[str]:
    custom = manifest["kind"] in DEFINITIONS
    validator = (
        _custom(manifest["kind"], manifest["apiVersion"])
        if custom
        else _builtin(manifest["kind"], manifest["apiVersion"], kubernetes)
    )
    if validator is None:
        yield f"nobody here knows {manifest['apiVersion']} {manifest['kind']}"
        return
    for error in validator.iter_errors(manifest):
        yield f"{error.json_path}: {error.message[:300]}"


@cache
def _builtin(kind: str, api_version: str, kubernetes: str) -> Any:
    """Return the strict schema of one of Kubernetes' kinds; None where it has none."""
    name = re.sub(r"^([^./]*)(?:\.[^/]*)?/", r"\1-", api_version)  # apps/v1 -> apps-v1
    try:
        result = schema_contents(
            f"{BUNDLED.format(kubernetes)}/{kind.lower()}-{name}.json", kubernetes
        )
    except FileNotFoundError:
        return None
    resource = Resource.from_contents(result)
    return jsonschema.Draft202012Validator(
        result, registry=_definitions(kubernetes) @ (resource @ Registry())
    )


@cache
def _definitions(kubernetes: str) -> Any:
    contents = schema_contents(f"{BUNDLED.format(kubernetes)}/_definitions.json", kubernetes)
    return Resource.from_contents(contents)


@cache
def _custom(kind: str, api_version: str) -> Any:
    crd = yaml.safe_load(definition(kind).read_text())["spec"]
    assert crd["names"]["kind"] == kind
    for version in crd["versions"]:
        if api_version == f"{crd['group']}/{version['name']}":
            schema = _strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            return jsonschema.Draft7Validator(schema)
    return None


def _strict(schema: Any) -> Any:
    """Return a structural schema as strict JSON Schema: unknown fields are errors."""
    if isinstance(schema, list):
        return [_strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {
        key: {name: _strict(one) for name, one in value.items()}
        if key == "properties"
        else _strict(value)
        for key, value in schema.items()
        if key not in {"description", "format"} and not key.startswith("x-kubernetes-")
    }
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    if "properties" in strict and "additionalProperties" not in strict and not schema.get(OPEN):
        strict["additionalProperties"] = False
    return strict
