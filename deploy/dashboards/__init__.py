"""Grafana dashboards as code: the modules named like them say what they show, panels how."""

from collections.abc import Mapping
from typing import Final

from deploy.dashboards import detector, overview, pipeline, rights, trust_and_safety
from deploy.dashboards.panels import Board, to_json

BOARDS: Final = (
    *(overview.BOARD, detector.BOARD, trust_and_safety.BOARD),
    *(pipeline.BOARD, rights.BOARD),
)


def files() -> Mapping[str, str]:
    """Return each dashboard's JSON by its file name."""
    return {f"{board.uid.removeprefix('earmark-')}.json": to_json(board) for board in BOARDS}


__all__ = ["BOARDS", "Board", "files"]
