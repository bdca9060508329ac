"""No leave requests of kafka-python, for the embedded broker; see ``faust_consumer``."""

from types import MethodType
from typing import Any

from kafka.coordinator.base import BaseCoordinator


async def _stay(coordinator: Any, *_: Any, **__: Any) -> None:
    coordinator.reset_generation()


def stay(consumer: Any) -> None:
    """Let one consumer stay in its group when it closes."""
    coordinator = consumer._coordinator
    coordinator.maybe_leave_group_async = MethodType(_stay, coordinator)


def install() -> None:
    """Let every consumer of this process stay in its group when it closes."""
    BaseCoordinator.maybe_leave_group_async = _stay
