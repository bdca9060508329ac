"""The child that draws one picture: ``python -m streams.media.picture_child '{...}'``.

Exits 2 with a sentence where there is nothing to draw (see ``streams.services.evidence_pictures``).
"""

import sys
from pathlib import Path

import orjson


def main() -> None:
    """Draw what the first argument asks for."""
    from detector.assessment.model import Model
    from detector.errors import ModelError
    from detector.explain.plot import evidence
    from detector.observation.observation import Observation
    from detector.types import Rates

    asked = orjson.loads(sys.argv[1])
    model = Model.load(Path(asked["model"]))
    try:
        observation = Observation.from_bytes(Path(asked["observation"]).read_bytes())
    except ModelError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from error
    if model.digest != asked["digest"]:
        sys.stderr.write("the model that decided is not the one that is released here\n")
        raise SystemExit(2)
    out = Path(asked["out"])
    title = asked["title"].replace("/", " ").replace("\0", " ")[:100]  # it becomes a file's name
    for path in evidence(observation, f"{title} ", model, out / "drawn", Rates(*asked["rates"])):
        path.replace(out / f"evidence{path.suffix}")


if __name__ == "__main__":
    main()
