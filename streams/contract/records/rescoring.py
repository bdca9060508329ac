"""Stored observations that another model scores: the request, and a candidate's answer."""

from streams.contract.records.analyses import Analysis, ModelRef
from streams.contract.records.base import Event, Identifier, Sha256
from streams.contract.records.fingerprints import TrackFingerprinted


class TrackRescoring(TrackFingerprinted):
    """tracks.rescoring: a stored observation to score by ``model``; no audio is fetched.

    The answer is a tracks.classified that replaces an analysis, and the track is decided again.
    Without one to replace, the answer is stored for comparison alone (tracks.rescored).
    """

    model: ModelRef
    replaces: Identifier | None = None


class TrackRescored(Event):
    """tracks.rescored: what a candidate answers about a stored observation; decides nothing."""

    upload_id: Identifier
    track_id: Identifier
    content_sha256: Sha256
    analysis: Analysis
