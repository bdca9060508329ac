"""Which tracks that people ruled to be made by people may join a model's null, and what each is.

The false positives of a kind of music and a tier are a share of people's music. Its artists stand
for equal parts of that share, and an artist's tracks for equal parts of theirs: many tracks of one
artist, or many deliveries, move a threshold no more than one.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from detector.errors import BadInput, ModelError
from detector.observation.observation import VERSION, Observation
from streams.contract.records import ObservationRef
from streams.media.artefacts import ArtefactStore
from streams.services.accuracy import Accuracy
from streams.services.estimates import LEAST_ARTISTS, LEAST_RULINGS, too_few
from streams.services.ruled_tracks import Ruling
from streams.store import rulings
from streams.store.database import Ledger


@dataclass(frozen=True)
class RuledTrack:
    """A ruling with its observation; ``share`` of people's music of its kind, or 0."""

    ruling: Ruling
    observation: Observation
    share: float


def shares_of(accuracy: Accuracy) -> dict[str, float]:
    """Return the share of people's music of its kind that each track stands for, by upload.

    Only tracks that may be used for training count.

    Raises:
        BadInput: reason ``too_few``, where no kind of music has enough; the message has numbers.
    """
    shares: dict[str, float] = {}
    most = 0
    for estimate in accuracy.false_positives:
        if estimate.by != "kind" or estimate.evidence != "reviews":
            continue
        people = [
            one
            for one in accuracy.ruled
            if not one.is_ai
            and one.may_train
            and one.answer.compared_with == estimate.of
            and one.answer.outcome == estimate.tier
        ]
        most = max(most, len(people))
        if estimate.share is None or too_few(people):
            continue
        tracks = Counter(one.artist for one in people)
        part_of_each = estimate.share / len(tracks)
        shares |= {one.answer.upload_id: part_of_each / tracks[one.artist] for one in people}
    if not shares:
        raise BadInput(
            "too_few",
            f"{LEAST_RULINGS} tracks of {LEAST_ARTISTS} artists that people ruled to be made by "
            f"people, and may be used for training, are needed of one kind of music; "
            f"the most there are is {most}",
        )
    return shares


def ruled_observations(
    ledger: Ledger, store: ArtefactStore, ruled: Sequence[Ruling], shares: Mapping[str, float]
) -> tuple[list[RuledTrack], int]:
    """Return the tracks whose observations are there, and how many are missing or altered."""
    uploads = {one.answer.upload_id: one for one in ruled}
    with ledger.reading() as connection:
        places = rulings.observations(connection, uploads, VERSION)
    tracks: list[RuledTrack] = []
    for upload_id, ruling in uploads.items():
        try:
            data = store.read(ObservationRef.model_validate(places[upload_id]))
            observed = Observation.from_bytes(data)
        except (KeyError, BadInput, ModelError):
            continue
        tracks.append(RuledTrack(ruling, observed, shares.get(upload_id, 0.0)))
    return tracks, len(uploads) - len(tracks)
