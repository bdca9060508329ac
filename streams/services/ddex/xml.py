"""XML from outside, parsed within limits, and the ways to read its elements.

DTDs, entities and external references are refused (defusedxml).
"""

from io import BytesIO
from typing import Final, get_args
from xml.etree.ElementTree import Element, ParseError

import defusedxml
from defusedxml.ElementTree import iterparse

from detector.errors import SingleReason
from streams.contract.records import Contains

MAX_BYTES: Final = 50_000_000  # some 10,000 recordings
MAX_ELEMENTS: Final = 2_000_000
MAX_DEPTH: Final = 60
CONTAINS: Final[tuple[Contains, ...]] = get_args(Contains)


class WrongDdex(SingleReason, reason="wrong_ddex"):
    """The message cannot be read, or is none."""


def tree(content: bytes) -> Element:
    """Return the root of a message.

    Raises:
        WrongDdex: it is not XML, or exceeds a limit.
    """
    if len(content) > MAX_BYTES:
        raise WrongDdex(f"it exceeds {MAX_BYTES} bytes")
    root: Element | None = None
    depth = count = 0
    try:
        for event, element in iterparse(BytesIO(content), ("start", "end"), forbid_dtd=True):
            root = element if root is None else root
            depth += 1 if event == "start" else -1
            count += event == "start"
            if depth > MAX_DEPTH:
                raise WrongDdex(f"nested deeper than {MAX_DEPTH}")
            if count > MAX_ELEMENTS:
                raise WrongDdex(f"it has more than {MAX_ELEMENTS} elements")
    except defusedxml.DefusedXmlException as error:
        raise WrongDdex(f"refused: {type(error).__name__}: no DTD and no entities") from error
    except (ParseError, ValueError, LookupError) as error:
        raise WrongDdex(f"this is not XML: {error}") from error
    if root is None:
        raise WrongDdex("this is not XML: it has no element")
    return root


def local(element: Element) -> str:
    """Return the name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def stripped(element: Element) -> str:
    """Return the text of an element."""
    return (element.text or "").strip()


def text(element: Element, *paths: str) -> str | None:
    """Return the text of the first element that has any, by the first such path of names."""
    for path in paths:
        for part in element.iterfind("/".join(f"{{*}}{name}" for name in path.split("/"))):
            if words := stripped(part):
                return words
    return None


def anywhere(element: Element, *names: str) -> str | None:
    """Return the text of the first descendant that has any, by the first such name."""
    for name in names:
        for part in element.iterfind(f".//{{*}}{name}"):
            if words := stripped(part):
                return words
    return None


def contains(element: Element, name: str) -> Contains | None:
    """Return what a child states about AI.

    Raises:
        WrongDdex: a value that the standard does not have.
    """
    value = text(element, name)
    if value is not None and value not in CONTAINS:
        raise WrongDdex(f"{name} is one of {', '.join(CONTAINS)}, not {value[:200]!r}")
    return value


def flag(element: Element, name: str) -> bool | None:
    """Return a child that is true or false; None: there is none."""
    value = text(element, name)
    return None if value is None else value.casefold() in ("true", "1")
