"""Errors travel from child processes: every class of them is pickled and comes back the same."""

import inspect
import pickle
import pkgutil
from importlib import import_module

import pytest

import detector
import streams
from detector.errors import BadInput, EarmarkError, SingleReason


def _classes(base: type[EarmarkError]) -> set[type[EarmarkError]]:
    return {base}.union(*map(_classes, base.__subclasses__()))


def _all() -> list[type[EarmarkError]]:
    for package in (detector, streams):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations." not in module.name and not module.name.endswith("__main__"):
                import_module(module.name)
    return sorted(_classes(EarmarkError), key=lambda one: (one.__module__, one.__qualname__))


def test_every_error_comes_back_from_another_process() -> None:
    classes = _all()
    assert len(classes) > 40
    for kind in classes:
        if kind is SingleReason:  # abstract: its classes name the reason
            continue
        _, *parameters = inspect.signature(kind.__init__).parameters.values()
        error = kind(*(each.name for each in parameters if each.kind is not each.VAR_KEYWORD))
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - ours
        assert (type(again), str(again), vars(again)) == (kind, str(error), vars(error)), kind
        if isinstance(error, BadInput):
            assert (again.reason, again.detail) == (error.reason, error.detail)


def test_a_note_of_an_error_travels_too() -> None:
    error = BadInput("too_large", "5 bytes")
    error.add_note("of the second file")
    with pytest.raises(BadInput) as raised:
        raise pickle.loads(pickle.dumps(error))  # noqa: S301 - ours
    assert raised.value.__notes__ == ["of the second file"]
