"""Analyses in the artefact store: the first one of a content stands for all of its uploads."""

import hashlib

from streams.contract.records import Analysis, InvalidRecord, Record, ShadowAnalysis, parse
from streams.media.artefacts import ArtefactStore


class StoredAnalysis(Record):
    """What the store keeps of an analysis."""

    analysis: Analysis
    shadow: ShadowAnalysis | None = None


def find(store: ArtefactStore, name: str) -> StoredAnalysis | None:
    """Return what is stored under a name; None where nothing is, or it is damaged."""
    return _read(store.answer(name))


def keep(store: ArtefactStore, name: str, made: StoredAnalysis) -> StoredAnalysis:
    """Store an analysis; return the stored one, perhaps another worker's that came before."""
    body = made.to_bytes()
    data = _checksum(body) + b"\n" + body
    stored = _read(store.keep_answer(name, data))
    if stored is None:  # what was stored is damaged
        store.keep_answer(name, data, replace=True)
    return stored or made


def _read(data: bytes | None) -> StoredAnalysis | None:
    total, _, body = (data or b"").rpartition(b"\n")  # an earlier release stored no checksum
    if total and total != _checksum(body):
        return None
    try:
        return parse(StoredAnalysis, body)
    except InvalidRecord:
        return None


def _checksum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
