"""Analyses in the artefact store: the first one of a content stands for all of its uploads."""

from detector.observation.observation import VERSION
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
    """Store an analysis, and return the one that stands: perhaps another worker's, made before."""
    data = made.to_bytes()
    stands = _read(store.keep_answer(name, data))
    if stands is None:  # what was stored is damaged
        store.keep_answer(name, data, replace=True)
        return made
    return stands


def is_final(made: StoredAnalysis, observation_version: int, shadow_digest: str) -> bool:
    """Return whether to store it: another build, or a repaired shadow, may answer otherwise."""
    return observation_version == VERSION and (not shadow_digest or made.shadow is not None)


def _read(data: bytes | None) -> StoredAnalysis | None:
    try:
        return None if data is None else parse(StoredAnalysis, data)
    except InvalidRecord:
        return None
