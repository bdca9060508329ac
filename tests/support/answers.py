"""Answers of the API, in short."""

from typing import Any


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")
