"""What is sent: one delivered track with the statements of its deliverer."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from streams.contract.records.base import (
    Event,
    Identifier,
    InvalidRecord,
    Isrc,
    Moment,
    Name,
    Record,
    Sha256,
    Territory,
    Text,
    Whole,
    stable_id,
)
from streams.contract.vocabulary import Component, Contains, Derivative

BY_US: Final = {"stated_by", "holder"}  # fields of an upload that its deliverer does not state
AHEAD: Final = timedelta(minutes=5)  # so much may the clocks of two machines differ


class Tool(Record):
    """A generator or tool that the deliverer names, with the agreement it claims."""

    name: Name
    version: Name | None = None
    agreement_id: Identifier | None = None


class Declaration(Record):
    """What the deliverer states about AI use (DDEX ERN 4.3.2 terms).

    ``contains_ai`` is about the recording, ``artwork_contains_ai`` about its picture. What was
    not stated is null, here and in ``Upload``: ids of uploads are made of what was.
    """

    contains_ai: Contains | None = None
    components: tuple[Component, ...] = ()
    tools: tuple[Tool, ...] = ()
    artwork_contains_ai: Contains | None = None
    has_vocal_performance: bool | None = None  # DDEX: a human one


class Derivation(Record):
    """What a recording is made from, as declared."""

    type: Derivative
    source_isrcs: tuple[Isrc, ...] = ()
    source_iswcs: tuple[Identifier, ...] = ()
    source_artists: tuple[Name, ...] = ()  # names or ISNIs


class VoiceClaim(Record):
    """Whose voice is said to be heard without that person singing; by name, ISNI \
or voice id."""  # prose: published

    depicted: Name
    consent_id: Identifier | None = None


class Uploader(Record):
    """What the platform knows of the sending account, where it says so."""  # prose: published

    account_id: Identifier | None = None
    account_age_days: Whole | None = None
    rate_24h: Whole | None = None
    strikes: Whole | None = None
    fraud_score: Annotated[float, Field(ge=0, le=1)] | None = None
    profile_mismatch: bool | None = None


class DdexMessage(Record):
    """Where an upload came from, when it was read from a DDEX message."""

    message_id: Identifier
    ern_version: Identifier
    sender_dpid: Identifier | None = None
    resource_reference: Identifier | None = None
    edition: Identifier | None = None


class Contributor(Record):
    """One credited contributor (DDEX ``Contributor``)."""

    name: Name
    roles: tuple[Name, ...] = ()
    ai_contribution: Contains | None = None
    is_generative_ai: bool = False


class Upload(Record):
    """One delivered track, as an ingest pipeline describes it. See ``streams.stages.ingest``."""

    track_id: Identifier
    uri: Annotated[str, StringConstraints(min_length=1, max_length=4_096)]
    sha256: Sha256 | None = None
    title: Text | None = None
    isrc: Isrc | None = None
    identifiers: dict[str, Identifier] = Field(default_factory=dict)
    artists: tuple[Name, ...] = ()
    contributors: tuple[Contributor, ...] = ()
    declared: Declaration = Declaration()
    distributor: Identifier | None = None
    territories: tuple[Territory, ...] = ("Worldwide",)
    release_date: date | None = None
    derivation: Derivation | None = None
    voice: VoiceClaim | None = None
    uploader: Uploader | None = None
    ddex: DdexMessage | None = None
    # "distributor": by a key bound to it, which is believed about itself alone. Null: the platform.
    stated_by: Literal["distributor"] | None = None
    excluded_territories: tuple[Territory, ...] | None = None
    # Of the key by which it came: its holder, where it is bound to several distributors.
    holder: Identifier | None = None

    @property
    def sender(self) -> str:
        """Who hands it in, whatever distributors it has keys for; empty: unknown."""
        return self.holder or self.distributor or ""

    @property
    def upload_id(self) -> str:
        """Deterministic: the same delivery of the same content is the same upload."""
        exclude = BY_US | {"uri"} if self.sha256 else BY_US
        facts = self.model_dump_json(exclude_none=True, exclude=exclude)
        return stable_id("upl", facts)


class UploadEvent(Event):
    """Base of the events that repeat the upload."""

    upload_id: Identifier
    upload: Upload
    uploaded_at: Moment

    @property
    def track_id(self) -> str:
        """The Kafka key."""
        return self.upload.track_id


class UploadReceived(UploadEvent):
    """tracks.uploaded: a track was delivered."""


def check_delivered(uploaded_at: datetime) -> None:
    """Raise InvalidRecord for a delivery of the future: all that come would be older than it."""
    now = datetime.now(UTC)  # of this machine: anyone may set a message's own time
    if uploaded_at > now + AHEAD:
        raise InvalidRecord("invalid_record", f"uploaded_at: {uploaded_at} is later than {now}")
