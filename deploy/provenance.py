"""Provenance of an image: an in-toto statement with SLSA's predicate, from digests alone.

    python3 -m deploy.provenance write IMAGE-ID WHEEL-SUMS NAME=VALUE ...
    python3 -m deploy.provenance verify STATEMENT [IMAGE-ID]

``deploy/image.sh`` writes it beside the SBOM. The statement names the image by its id, and what
it is made of: commit, base image, locked packages, wheel. ``verify`` compares it with this clone.
It is not signed: where there is a registry, ``cosign attest`` signs it.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://slsa.dev/provenance/v1"
BUILD_TYPE: Final = "urn:earmark:image:1"
COMMIT: Final = "git+file:."  # of this clone
FILES: Final = (
    "constraints.txt",
    "deploy/requirements.txt",
    "deploy/requirements-gpu.txt",
    "deploy/Dockerfile",
    "pyproject.toml",
)


def statement(image_id: str, wheels: str, parameters: dict[str, str]) -> dict[str, Any]:
    """Return the statement about an image.

    Args:
        image_id: ``sha256:...``, as the engine names it.
        wheels: lines of ``sha256sum``, of what was built in the image.
        parameters: of the build; ``BASE`` may name a digest, ``BUILDER`` names who builds.
    """
    external = {name: value for name, value in parameters.items() if name not in ("BUILDER", "TAG")}
    commit = git("rev-parse", "HEAD")
    clean = "clean" if commit and not git("status", "--porcelain", "-uno") else "changed"
    base, _, base_digest = external.get("BASE", "").partition("@sha256:")
    built = (line.split() for line in wheels.splitlines())
    materials = [
        {"uri": COMMIT, "digest": {"gitCommit": commit}, "annotations": {"tree": clean}},
        _material(f"docker:{base}", base_digest),
        *(_material(f"file:{name}", digest(ROOT / name)) for name in FILES),
        *(_material(f"wheel:{PurePosixPath(path).name}", sha256) for sha256, path in built),
    ]
    return {
        "_type": STATEMENT,
        "subject": [
            {"name": parameters["TAG"], "digest": {"sha256": image_id.removeprefix("sha256:")}}
        ],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": external,
                "resolvedDependencies": materials,
            },
            "runDetails": {"builder": {"id": parameters.get("BUILDER") or "urn:earmark:by-hand"}},
        },
    }


def differences(stated: dict[str, Any], image_id: str | None = None) -> list[str]:
    """Return how a statement differs from this clone, and from an image; empty: not at all."""
    (subject,) = stated["subject"]
    materials = stated["predicate"]["buildDefinition"]["resolvedDependencies"]
    digests = {one["uri"]: one.get("digest", {}) for one in materials}
    here = {f"file:{name}": {"sha256": digest(ROOT / name)} for name in FILES}
    here[COMMIT] = {"gitCommit": git("rev-parse", "HEAD")}
    faults = [f"{uri} is another one here" for uri in here if digests.get(uri) != here[uri]]
    faults += [f"{uri} has no digest" for uri in digests if not digests[uri]]
    if image_id is not None and subject["digest"] != {"sha256": image_id.removeprefix("sha256:")}:
        faults.append(f"it is about another image than {image_id}")
    return faults


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def git(*words: str) -> str:
    """Return what git prints; empty where this is no clone."""
    command = ["git", "-C", str(ROOT), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _material(uri: str, sha256: str) -> dict[str, Any]:
    return {"uri": uri} | ({"digest": {"sha256": sha256}} if sha256 else {})


def main(verb: str, first: str, *rest: str) -> int:
    """Run a command; return its exit code."""
    if verb == "write":
        sums, *pairs = rest
        parameters = dict(pair.split("=", 1) for pair in pairs)
        stated = statement(first, Path(sums).read_text(encoding="utf-8"), parameters)
        sys.stdout.write(json.dumps(stated, indent=1) + "\n")
        return 0
    faults = differences(json.loads(Path(first).read_text(encoding="utf-8")), *rest)
    sys.stdout.write("".join(f"{fault}\n" for fault in faults) or "as stated\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
