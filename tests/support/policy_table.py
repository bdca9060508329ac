# ruff: noqa: E501 - a table is read across
"""The policy as a table: declared x detected x the file x registry x territory x people.

A row contains declaration, detection and other facts. Then follow the label that prevails (extent,
source), whether it is licensed, the actions, and the review queue.
"""

from datetime import UTC, date, datetime
from typing import Any

from streams.contract.records import (
    Aigc,
    Contributor,
    Declaration,
    Derivation,
    Extent,
    Mark,
    Match,
    Outcome,
    Provenance,
    Tool,
    TrackClassified,
    Uploader,
    VoiceClaim,
)
from streams.contract.records.reviews import AppealOutcome
from streams.contract.records.rights import (
    GeneratorEntry,
    GeneratorLicence,
    RightsChanged,
    RightsSubject,
    generator_entry_id,
)
from streams.policy.bundle import load
from streams.policy.decide import DecisionRecords, decide
from streams.policy.facts import Rulings
from streams.runtime.settings import Settings
from tests.support.events import DECIDED_AT, agreement, appeal, classified, verdict
from tests.support.policies import facts

POLICY = load(Settings().policy)

# --- what is declared --------------------------------------------------------------------------
NOTHING = Declaration()
NONE = Declaration(contains_ai="None")
PARTLY = Declaration(contains_ai="Partly", components=("vocals",))
ALL = Declaration(contains_ai="All")
SONGMAKER = Tool(name="Songmaker", agreement_id="AGR-1")
LICENSED = Declaration(contains_ai="All", tools=(SONGMAKER,))
ARTWORK = Declaration(artwork_contains_ai="All")

# --- what is detected --------------------------------------------------------------------------
AI = {"outcome": Outcome.IDENTIFIED}
SOME = {"outcome": Outcome.IDENTIFIED, "extent": Extent.PARTLY}
OPEN = {"outcome": Outcome.IDENTIFIED, "extent": Extent.UNKNOWN}
HUNCH = {"outcome": Outcome.SUSPECTED}
HUNCH_PART = {"outcome": Outcome.SUSPECTED, "extent": Extent.PARTLY}
HUMAN = {"outcome": Outcome.NO_TRACE, "p_value": 0.7}
BORDER = {"outcome": Outcome.UNCERTAIN, "p_value": 0.015}
DOUBT = {"outcome": Outcome.UNCERTAIN, "p_value": 0.3}
DEAF = {"outcome": Outcome.NOT_ASSESSABLE, "p_value": None}

# --- provenance in the file --------------------------------------------------------------------
SIGNED_ALL = Provenance(state="trusted", extent=Extent.ALL, software_agents=("Songmaker",))
SIGNED_PART = Provenance(state="trusted", extent=Extent.PARTLY)
SIGNED_HUMAN = Provenance(state="trusted", extent=Extent.NONE)
UNSIGNED = Provenance(state="untrusted", extent=Extent.ALL)
TAMPERED = Provenance(state="invalid", extent=Extent.ALL)
MARKED = Provenance(marks=(Mark(generator="Suno", kind="tag", strength="strong", place="comment"),))
TAGGED = Provenance(aigc=Aigc(label="1"))
SUSPECTED = Provenance(aigc=Aigc(label="3"))

# --- entries of the registry -------------------------------------------------------------------
GRANTED = agreement()
IN_DE = agreement(territories=("DE",))
REVOKED = agreement(2, permission="revoked")
EXPIRED = agreement(valid_until=date(2026, 6, 30))
FUTURE = agreement(valid_from=date(2027, 1, 1))
DISPUTED = agreement(verification="disputed")
OTHER_TOOL = agreement(conditions={"generator_ids": ("othermaker",)})
APPROVAL = agreement(conditions={"approval_required": True})
BY_ISRC = agreement(subject=RightsSubject(isrcs=("USRC17607839",)), conditions={})
STATED = agreement(subject=RightsSubject(isrcs=("USRC17607839",)), extent="All", conditions={})
ISRC = {"isrc": "USRC17607839"}
SINGER = RightsSubject(artists=("A Singer",), voices=("A Singer",))
VOICE_YES = agreement(subject=SINGER, uses=("voice_replica",), conditions={})
VOICE_NO = agreement(subject=SINGER, uses=("voice_replica",), permission="opt_out", conditions={})
COVER_YES = agreement(
    subject=RightsSubject(isrcs=("GBAYE0601498",)), uses=("cover",), conditions={}
)


def generator(status: str, territories: tuple[str, ...] = ("Worldwide",)) -> RightsChanged:
    licences = (GeneratorLicence.model_validate({"status": status, "territories": territories}),)
    entry = GeneratorEntry(generator_id="songmaker", licences=licences)
    return RightsChanged(
        entry_id=generator_entry_id("songmaker"),
        version=1,
        generator=entry,
        changed_by="rights-desk",
        changed_at=DECIDED_AT,
    )


# --- what people say ---------------------------------------------------------------------------
SAYS_HUMAN = {"verdicts": (verdict(outcome="reject_flag", extent=None, components=()),)}
SAYS_AI = {"verdicts": (verdict(outcome="confirm", extent=Extent.ALL),)}
IMPERSONATES = {"verdicts": (verdict(findings=("impersonation",), extent=Extent.ALL),)}
HONEST = {"verdicts": (verdict(findings=("not_impersonation",), extent=Extent.ALL),)}
SAW_CONTRACT = {"verdicts": (verdict(findings=("licensed",), extent=Extent.ALL),)}
WON = {
    "appeals": (
        appeal(
            state="overturned",
            outcome=AppealOutcome(extent=Extent.NONE, reasons="The session shows it."),
        ),
    )
}
TAKEN_FURTHER = {
    "appeals": (
        *WON["appeals"],
        appeal(sequence=1, state="external_dispute"),
    )
}
RELIEF = {"appeals": (appeal(state="in_review", interim_relief=True),)}
LOST = {"appeals": (appeal(state="upheld", outcome=AppealOutcome(reasons="Nothing new.")),)}

# --- what follows ------------------------------------------------------------------------------
BADGE = {"display": "ai_badge"}
WEAK = {"display": "partly_ai_badge"}
OUT = {"display": "ai_badge", "recommendation": "exclude_algorithmic"}
FREE: dict[str, str] = {}
HELD = {"monetisation": "hold", "profile": "await_approval"}
GONE = {"availability": "takedown", "monetisation": "exclude", "profile": "detach"}

VOICE = {"voice": VoiceClaim(depicted="A Singer")}
COVER = {"derivation": Derivation(type="cover", source_isrcs=("GBAYE0601498",))}
FRAUD = {"uploader": Uploader(fraud_score=0.97)}
CLEAN = {"uploader": Uploader(fraud_score=0.1)}
REGISTERED = Match(match_class="exact", bank="songmaker-outputs", bank_kind="registered_ai",
                   item_id="i-1", score=1.0, generator="Songmaker", sentence="known")  # fmt: skip
TAKEN_DOWN = Match(match_class="near_duplicate", bank="stay-down", bank_kind="stay_down",
                   item_id="i-2", score=0.9, sentence="known")  # fmt: skip
IMPOSTOR = {"uploader": Uploader(profile_mismatch=True)}

Row = tuple[Declaration, dict[str, Any], dict[str, Any], str, bool, dict[str, str], str | None]
# fmt: off
TABLE: list[Row] = [
    # declared, detected, and known besides             label                 licensed follows review
    # --- the detector alone
    (NOTHING, AI,     {},                               "All detector",       False, BADGE, None),
    (NOTHING, SOME,   {},                               "Partly detector",    False, WEAK,  None),
    (NOTHING, OPEN,   {},                               "Unknown detector",   False, WEAK,  None),
    (NOTHING, HUNCH,  {},                               "All detector",       False, FREE,  "suspected"),
    (NOTHING, HUNCH_PART, {},                           "Partly detector",    False, FREE,  "suspected"),
    (NOTHING, HUMAN,  {},                               "Unknown detector",   False, FREE,  None),
    (NOTHING, BORDER, {},                               "Unknown detector",   False, FREE,  "borderline"),
    (NOTHING, DOUBT,  {},                               "Unknown detector",   False, FREE,  None),
    (NOTHING, DEAF,   {},                               "Unknown detector",   False, FREE,  None),
    # --- a declaration of none is believed only without another analysis
    (NONE,    AI,     {},                               "All detector",       False, BADGE, "disclosure"),
    (NONE,    SOME,   {},                               "Partly detector",    False, WEAK,  "disclosure"),
    (NONE,    HUNCH,  {},                               "All detector",       False, FREE,  "disclosure"),
    (NONE,    HUMAN,  {},                               "None declaration",   False, FREE,  None),
    (NONE,    BORDER, {},                               "Unknown detector",   False, FREE,  "borderline"),
    (NONE,    DEAF,   {},                               "Unknown detector",   False, FREE,  "not-assessable"),
    # --- a declaration of AI is believed at once
    (PARTLY,  HUMAN,  {},                               "Partly declaration", False, WEAK,  None),
    (PARTLY,  AI,     {},                               "Partly declaration", False, WEAK,  None),
    (PARTLY,  BORDER, {},                               "Partly declaration", False, WEAK,  None),
    (ALL,     HUMAN,  {},                               "All declaration",    False, OUT,   None),
    (ALL,     AI,     {},                               "All declaration",    False, OUT,   None),
    (ALL,     HUNCH,  {},                               "All declaration",    False, OUT,   None),
    (ALL,     DEAF,   {},                               "All declaration",    False, OUT,   None),
    (ARTWORK, HUMAN,  {},                               "Unknown detector",   False, FREE,  None),
    # --- the file itself: only a trusted signature confirms
    (NONE,    HUMAN,  {"file": SIGNED_ALL},             "All provenance",     False, OUT,   "disclosure"),
    (ALL,     HUMAN,  {"file": SIGNED_PART},            "Partly provenance",  False, WEAK,  None),
    (NOTHING, AI,     {"file": SIGNED_HUMAN},           "All detector",       False, BADGE, None),
    (NOTHING, HUMAN,  {"file": SIGNED_HUMAN},           "None provenance",    False, FREE,  None),
    (NONE,    HUMAN,  {"file": SUSPECTED},              "None declaration",   False, FREE,  None),
    (NOTHING, HUMAN,  {"file": SUSPECTED},              "Unknown detector",   False, FREE,  None),
    (NOTHING, HUMAN,  {"file": UNSIGNED},               "All provenance",     False, OUT,   None),
    (NONE,    HUMAN,  {"file": TAMPERED},               "All provenance",     False, OUT,   "disclosure"),
    (NONE,    HUMAN,  {"file": MARKED},                 "All provenance",     False, OUT,   "disclosure"),
    (NOTHING, HUMAN,  {"file": MARKED},                 "All provenance",     False, OUT,   None),
    (PARTLY,  HUMAN,  {"file": MARKED},                 "All provenance",     False, OUT,   None),
    (NOTHING, AI,     {"file": MARKED},                 "All provenance",     False, OUT,   None),
    (NOTHING, DOUBT,  {"file": TAGGED},                 "All provenance",     False, OUT,   None),
    (NONE,    AI,     {"file": SIGNED_ALL},             "All provenance",     False, OUT,   "disclosure"),
    # --- an agreement lifts the consequence and not the label
    (LICENSED, AI,    {"rights": [GRANTED]},            "All declaration",    True,  BADGE, None),
    (LICENSED, HUMAN, {"rights": [GRANTED]},            "All declaration",    True,  BADGE, None),
    (LICENSED, AI,    {},                               "All declaration",    False, OUT,   None),
    (LICENSED, AI,    {"rights": [REVOKED]},            "All declaration",    False, OUT,   None),
    (LICENSED, AI,    {"rights": [EXPIRED]},            "All declaration",    False, OUT,   None),
    (LICENSED, AI,    {"rights": [FUTURE]},             "All declaration",    False, OUT,   None),
    (LICENSED, AI,    {"rights": [FUTURE], "at": datetime(2027, 1, 1, tzinfo=UTC)},
                                                        "All declaration",    True,  BADGE, None),
    (LICENSED, AI,    {"rights": [DISPUTED]},           "All declaration",    False, OUT,   None),
    (LICENSED, AI,    {"rights": [OTHER_TOOL]},         "All declaration",    False, OUT,   None),
    (LICENSED, AI,    {"rights": [APPROVAL]},           "All declaration",    False, OUT,   None),
    (LICENSED, AI,    {"rights": [APPROVAL], "said": SAW_CONTRACT},
                                                        "All reviewer",       True,  BADGE, None),
    (ALL,     AI,     {"rights": [GRANTED]},            "All declaration",    False, OUT,   None),
    (NOTHING, AI,     {"rights": [BY_ISRC], **ISRC},    "All detector",       True,  BADGE, None),
    (NONE,    AI,     {"rights": [BY_ISRC], **ISRC},    "All detector",       True,  BADGE, "disclosure"),
    (NONE,    HUMAN,  {"rights": [STATED], **ISRC},     "All registry",       True,  BADGE, None),
    # --- the licence of a generator, by territory
    (Declaration(contains_ai="All", tools=(Tool(name="Songmaker"),)), AI,
                      {"rights": [generator("licensed")]}, "All declaration", True,  BADGE, None),
    (Declaration(contains_ai="All", tools=(Tool(name="Songmaker"),)), AI,
                      {"rights": [generator("unlicensed")]}, "All declaration", False, OUT, None),
    (NOTHING, AI,     {"rights": [generator("licensed")], "generator": "Songmaker"},
                                                        "All detector",       False, BADGE, None),
    (NOTHING, HUMAN,  {"rights": [generator("licensed")], "file": SIGNED_ALL},
                                                        "All provenance",     True,  BADGE, None),
    # --- territories: licensed in one, not in the others
    (LICENSED, AI,    {"rights": [IN_DE], "territories": ("DE",)},
                                                        "All declaration",    True,  BADGE, None),
    (LICENSED, AI,    {"rights": [IN_DE], "territories": ("FR",)},
                                                        "All declaration",    False, OUT,   None),
    (LICENSED, AI,    {"rights": [IN_DE], "territories": ("DE", "FR", "NO")},
                                                        "All declaration",    False, OUT,   None),
    (LICENSED, AI,    {"rights": [IN_DE]},              "All declaration",    False, OUT,   None),
    # --- a person settles it, an appeal even more
    (NONE,    AI,     {"said": SAYS_HUMAN},             "None reviewer",      False, FREE,  None),
    (NOTHING, HUNCH,  {"said": SAYS_HUMAN},             "None reviewer",      False, FREE,  None),
    (NOTHING, HUNCH,  {"said": SAYS_AI},                "All reviewer",       False, OUT,   None),
    (NOTHING, HUMAN,  {"said": SAYS_AI},                "All reviewer",       False, OUT,   None),
    (ALL,     AI,     {"said": SAYS_HUMAN},             "None reviewer",      False, FREE,  None),
    (NOTHING, BORDER, {"said": SAYS_HUMAN},             "None reviewer",      False, FREE,  None),
    (NONE,    AI,     {"said": WON},                    "None appeal",        False, FREE,  None),
    (NOTHING, AI,     {"said": WON | SAYS_AI},          "None appeal",        False, FREE,  None),
    (NONE,    AI,     {"said": TAKEN_FURTHER},          "None appeal",        False, FREE,  None),
    (NOTHING, AI,     {"said": LOST},                   "All detector",       False, BADGE, None),
    (NOTHING, AI,     {"said": RELIEF},                 "All detector",       False, BADGE, None),
    (NONE,    HUMAN,  {"said": WON, "file": SIGNED_ALL}, "None appeal",       False, FREE,  None),
    # --- a person's voice: a licence for a tool is none for a voice
    (ALL,     AI,     VOICE,                            "All declaration",    False, OUT | HELD, "impersonation"),
    (LICENSED, AI,    {"rights": [GRANTED], **VOICE},   "All declaration",    True,  BADGE | HELD, "impersonation"),
    (ALL,     AI,     {"rights": [VOICE_YES], **VOICE}, "All declaration",    False, OUT,   None),
    (ALL,     AI,     {"rights": [VOICE_NO], **VOICE},  "All declaration",    False,
                      OUT | HELD | {"availability": "hold"}, "impersonation"),
    (ALL,     AI,     {"said": IMPERSONATES, **VOICE},  "All reviewer",       False, OUT | GONE, None),
    (ALL,     AI,     {"said": HONEST, "rights": [VOICE_NO], **VOICE},
                                                        "All reviewer",       False, OUT,   None),
    (NOTHING, HUMAN,  {"said": IMPERSONATES},           "All reviewer",       False, OUT | GONE, None),
    (NOTHING, AI,     IMPOSTOR,                         "All detector",       False,
                      BADGE | {"profile": "await_approval"}, "impersonation"),
    (NOTHING, HUMAN,  IMPOSTOR,                         "Unknown detector",   False, FREE,  None),
    # --- derivatives go to review and not to a block
    (ALL,     AI,     COVER,                            "All declaration",    False, OUT,   "derivatives"),
    (ALL,     AI,     {"rights": [COVER_YES], **COVER}, "All declaration",    False, OUT,   None),
    (NOTHING, HUMAN,  COVER,                            "Unknown detector",   False, FREE,  None),
    (LICENSED, AI,    {"rights": [GRANTED], **COVER},   "All declaration",    True,  BADGE, "derivatives"),
    # --- fraud is a second signal, and a person decides
    (NOTHING, AI,     FRAUD,                            "All detector",       False,
                      BADGE | {"monetisation": "hold"}, "fraud"),
    (NOTHING, AI,     CLEAN,                            "All detector",       False, BADGE, None),
    (NOTHING, HUMAN,  FRAUD,                            "Unknown detector",   False, FREE,  None),
    (LICENSED, AI,    {"rights": [GRANTED], **FRAUD},   "All declaration",    True,
                      BADGE | {"monetisation": "hold"}, "fraud"),
    # --- a recording that is known: registered by its generator, or taken down before
    (NONE,    HUMAN,  {"matches": [REGISTERED]},        "All registry",       False, OUT,   None),
    (NONE,    HUMAN,  {"matches": [REGISTERED], "rights": [generator("licensed")]},
                                                        "All registry",       True,  BADGE, None),
    (NOTHING, HUMAN,  {"matches": [TAKEN_DOWN]},        "Unknown detector",   False,
                      {"availability": "hold"}, "stay-down"),
    # --- contributors speak too; conflicts of the metadata are on trial
    (NOTHING, HUMAN,  {"contributors": (Contributor(name="M", is_generative_ai=True),)},
                                                        "Partly declaration", False, WEAK,  None),
    (NONE,    HUMAN,  {"contributors": (Contributor(name="M", is_generative_ai=True),)},
                                                        "None declaration",   False, FREE,  None),
]
# fmt: on


def event_of(declared: Declaration, detected: dict[str, Any], known: dict[str, Any]) -> Any:
    own = {"file", "rights", "said", "at", "matches"}
    fields = {name: value for name, value in known.items() if name not in own}
    event = classified(**detected, declared=declared, **fields)
    more = {"provenance": known.get("file"), "matches": tuple(known.get("matches", ()))}
    return event.model_copy(update=more)


def decided(event: TrackClassified, known: dict[str, Any]) -> DecisionRecords:
    about = known.get("said", {})
    # People spoke about the very upload of this row.
    rulings = Rulings(
        tuple(one.model_copy(update={"upload_id": event.upload_id})
              for one in about.get("verdicts", ())),
        tuple(about.get("appeals", ())),
    )  # fmt: skip
    stands = facts(event, *known.get("rights", ()), rulings=rulings, at=known.get("at"))
    return decide(event, POLICY, stands)
