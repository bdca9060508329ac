"""Helpers of the tests beside test_reading.py."""

from pathlib import Path

from streams.services.ddex.delivery import Delivery
from streams.services.ddex.reading import parse
from tests.support.ern import (
    release,
)

HERE = Path("/deliveries")


def of_release(version: str, *resources: str, releases: str = "", deals: str = "") -> Delivery:
    return parse(release(version, *resources, releases=releases, deals=deals), HERE)
