"""Evidence from others: the registry of rights, and known recordings that match."""

from dataclasses import dataclass

from streams.contract.records import Match, TrackDecided, Upload


@dataclass(frozen=True)
class KnownRecording:
    """A known recording that matches; ``upload_id`` is None where its audio is not held here.

    Second ``here_s`` of this upload is second ``there_s`` of the known one, which runs
    ``speed`` times as quickly beside it.
    """

    match: Match
    upload_id: str | None
    here_s: float
    there_s: float
    speed: float

    @classmethod
    def of(cls, match: Match, upload_id: str | None) -> "KnownRecording":
        """Return the recording of a match, aligned with the upload."""
        speed = match.speed_ratio or 1.0
        if match.start_s is not None and match.known_start_s is not None:
            return cls(match, upload_id, match.start_s, match.known_start_s, speed)
        offset = match.offset_s or 0.0  # negative: this upload starts so much earlier
        here, there = (0.0, offset) if offset >= 0 else (-offset / speed, 0.0)
        return cls(match, upload_id, here, there, speed)


def agreements_and_generators(
    upload: Upload, decision: TrackDecided | None
) -> tuple[set[str], set[str]]:
    """Return the agreements and generators that the delivery, label and analysis name."""
    tools = upload.declared.tools if upload.declared else ()
    agreements = {tool.agreement_id for tool in tools if tool.agreement_id}
    generators = set[str]()
    if decision is not None:
        if decision.label.agreement_id:
            agreements.add(decision.label.agreement_id)
        if decision.analysis.generator:
            generators.add(decision.analysis.generator)
    return agreements, generators
