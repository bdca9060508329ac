"""The closed sets of values in the events, each defined once, with its sentences and its order.

Schemas, features of the policy, statements of reasons, columns of the ledger and texts of the
console derive from here. ``SENTENCES`` holds the words for a code.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self, get_args

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from detector.matching.classes import MatchClass
from streams.contract.translations import N_


class OneOf:
    """Pydantic metadata of a text that takes these values only; the schema lists them inline."""

    def __init__(self, values: Iterable[str]) -> None:
        self.values = [str(value) for value in values]

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: Callable[[Any], CoreSchema]
    ) -> CoreSchema:
        return core_schema.literal_schema(self.values)


class _Described(StrEnum):
    """Values, each with its facts in the order of the annotations."""

    def __new__(cls, value: str, *facts: object) -> Self:
        member = str.__new__(cls, value)
        member._value_ = value
        for name, fact in zip(cls.__annotations__, facts, strict=True):
            setattr(member, name, fact)
        return member


class Extent(_Described):
    """How much of a recording is AI-generated: DDEX ``ContainsAI`` plus our Unknown."""

    words: str

    ALL = "All", "All AI"
    PARTLY = "Partly", "Partly AI"
    NONE = "None", "No AI"
    UNKNOWN = "Unknown", "Unknown"


class Certainty(_Described):
    """How sure a label is; GB 45438 codes 1, 2, 3 in this order."""

    words: str

    CONFIRMED = "confirmed", "confirmed"
    DECLARED = "declared", "declared, not verified"
    SUSPECTED = "suspected", "suspected, not proved"


class Outcome(_Described):
    """What the detector answers; it may abstain.

    ``identified``: two independent traces of a known decoder agree. ``suspected``: it shows what
    no recording of a person shows, and the decoder is unknown. Words of earlier releases
    (``FORMER``) are read as those that stand for them now.
    """

    words: str
    headline: str
    tone: str  # the colour of the headline in the console
    finds_ai: bool
    to_artist: str  # on the artist's page

    IDENTIFIED = (
        *("identified", "Identified as AI", "Identified as AI", "ai", True),
        N_(
            "A computer program compared the sound with music by people and with music by AI. "
            "It found several traces of a known AI music generator, and they fit together."
        ),
    )
    SUSPECTED = (
        *("suspected", "Suspected", "Suspected to be made with AI", "hunch", True),
        N_(
            "A computer program compared the sound with music by people and with music by AI. "
            "It found a trace that AI music generators leave. It does not know which generator."
        ),
    )
    NO_TRACE = (
        *("no_trace", "No trace found", "No trace found", "clear", False),
        N_("A computer program looked for traces of AI music generators and found none."),
    )
    UNCERTAIN = (
        *("uncertain", "Uncertain", "Not certain either way", "open", False),
        N_(
            "A computer program looked for traces of AI music generators. "
            "It is not certain either way."
        ),
    )
    NOT_ASSESSABLE = (
        *("not_assessable", "Not assessable", "This recording cannot be assessed", "none", False),
        N_("A computer program listened to this recording and could not tell."),
    )

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        former = FORMER.get(value) if isinstance(value, str) else None
        return None if former is None else cls(former[-1])

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        described = handler.resolve_ref_schema(handler(schema))
        described["enum"] = [*described["enum"], *FORMER]
        return described


FORMER: Final = {
    "ai_likely": (Outcome.IDENTIFIED.value, Outcome.SUSPECTED.value),
    "human_likely": (Outcome.NO_TRACE.value,),
}
"""The outcomes that a word of an earlier release can stand for; an event of then means the last."""
TIERS: Final = tuple(one for one in Outcome if one.finds_ai)
"""The outcomes that find AI, the surer one first."""
Tier = Literal["identified", "suspected"]


class LabelSource(_Described):
    """Who states a label."""

    rank: int  # its strength; the highest prevails
    certainty: Certainty  # that of a label that names none
    words: str
    explanation: str
    basis: str  # what a statement of reasons rests on
    to_artist: str  # on the artist's page; of the detector: its outcome has it

    DETECTOR = (
        *("detector", 1, Certainty.SUSPECTED, "our analysis", "the detector's finding"),
        N_("our automated analysis of the audio"),
        "",
    )
    DECLARATION = (
        *("declaration", 2, Certainty.DECLARED, "the deliverer's statement"),
        *("the deliverer's declaration", N_("the declaration made at delivery")),
        N_("The company that delivered this recording stated that AI was used in it."),
    )
    PROVENANCE = (
        *("provenance", 4, Certainty.DECLARED, "provenance in the file", "the file's provenance"),
        N_("statements inside of the file"),
        N_("The file itself holds a note that it was made with AI."),
    )
    REGISTRY = (
        *("registry", 3, Certainty.CONFIRMED, "the registry", "an entry of a registry"),
        N_("an entry in a rights registry"),
        N_("This recording is entered in a register of recordings and rights."),
    )
    REVIEWER = (
        *("reviewer", 5, Certainty.CONFIRMED, "a reviewer", "a reviewer's verdict"),
        N_("the judgement of a person who reviewed it"),
        N_("A person listened to this recording and decided."),
    )
    APPEAL = (
        *("appeal", 6, Certainty.CONFIRMED, "an appeal", "an appeal's outcome"),
        N_("the outcome of an appeal"),
        N_("A person decided this after an objection."),
    )

    @property
    def human(self) -> bool:
        """Whether a person has settled it."""
        return self in (LabelSource.REVIEWER, LabelSource.APPEAL)


Component = Literal[
    "vocals", "instrumentation", "composition", "lyrics", "post_production", "artwork"
]
COMPONENTS: Final[tuple[Component, ...]] = get_args(Component)
Contains = Literal["All", "Partly", "None"]  # DDEX ContainsAI and AiContribution
Derivative = Literal["cover", "remix", "mashup", "voice_swap", "stem_reuse", "continuation"]
DERIVATIVES: Final[tuple[Derivative, ...]] = get_args(Derivative)

# What a person found beside the extent; the policy may ask for each.
FINDING_WORDS: Final[dict[str, str]] = {
    "impersonation": "it imitates a person",
    "not_impersonation": "it imitates no person",
    "licensed": "it is licensed",
    "unlicensed": "it is not licensed",
    "fraud": "it is fraud",
    "not_fraud": "it is no fraud",
    "removed_before": "it is what was removed before",
    "not_removed_before": "it is not what was removed before",
}
FINDINGS: Final = tuple(FINDING_WORDS)
Finding = Annotated[str, OneOf(FINDING_WORDS)]


class BankKind(_Described):
    """What a hit means.

    ``feature`` is the meaning of the policy's feature ``known.<kind>``; None: the policy does
    not see such matches. ``second_signal``: a match is a signal beside the detector.
    ``evidence`` stands in the sentence of a match; None: ``words`` do.
    """

    words: str
    feature: str | None
    second_signal: bool
    evidence: str | None

    CATALOGUE = (
        *("catalogue", "in the catalogue", "how it is another track of the catalogue"),
        *(False, None),
    )
    REGISTERED_AI = (
        *("registered_ai", "registered as made by a generator"),
        *("how it is a registered output of a generator", True),
        "registered as the output of a generator",
    )
    STAY_DOWN = (
        *("stay_down", "on the stay-down list", "how it is a recording that was removed"),
        *(True, None),
    )
    GOLDEN = "golden", "in a test set", None, False, None


BANKS_SEEN: Final = tuple(
    (one, one.feature) for one in reversed(BankKind) if one.feature is not None
)
"""The kinds of banks that the policy sees, with the meaning of their feature."""
KnownAs = Annotated[str, OneOf(one for one in MatchClass if one is not MatchClass.NONE)]
BankKindName = Annotated[str, OneOf(BankKind)]


@dataclass(frozen=True)
class Action:
    """One value of a dimension."""

    name: str  # in events
    strictness: int = 0  # 0 is neutral
    words: str = ""  # in the console
    done: str = ""  # what was done, in a statement of reasons
    to_artist: str = ""  # on the artist's page
    dsa: str | None = None  # the word of the DSA Transparency Database


@dataclass(frozen=True)
class ActionDimension:
    """The values of one dimension, in the order of the schema.

    ``weight`` orders dimensions in a statement, heaviest first. ``severe``: the strictest value
    takes a person or a second signal, and the one below it holds until then. ``unchanged`` is the
    neutral value on the artist's page.
    """

    meaning: str  # in the schemas
    unchanged: str
    weight: int
    severe: bool
    actions: tuple[Action, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The values, from lenient to strict."""
        return tuple(one.name for one in sorted(self.actions, key=lambda one: one.strictness))


def _dimension(
    weight: int,
    neutral: str,
    meaning: str,
    unchanged: str,
    *actions: Action,
    severe: bool = False,
) -> ActionDimension:
    return ActionDimension(meaning, unchanged, weight, severe, (Action(neutral), *actions))


_LABELLED: Final = "DECISION_VISIBILITY_CONTENT_LABELLED"
_DEMOTED: Final = "DECISION_VISIBILITY_CONTENT_DEMOTED"
OTHER: Final = "DECISION_VISIBILITY_OTHER"

DIMENSIONS: Final[dict[str, ActionDimension]] = {
    "display": _dimension(
        *(0, "none", "what listeners are shown"),
        N_("Listeners see no note about AI."),
        Action(
            *("ai_badge", 2, "Listeners see an AI badge"),
            N_("it carries the label that it was made with AI"),
            N_("Listeners see a note that it was made with AI."),
            _LABELLED,
        ),
        Action(
            *("partly_ai_badge", 1, "Listeners see a “partly AI” badge"),
            N_("it carries the label that part of it was made with AI"),
            N_("Listeners see a note that part of it was made with AI."),
            _LABELLED,
        ),
    ),
    "recommendation": _dimension(
        *(1, "allow", "where it is recommended"),
        N_("It is recommended like any other recording."),
        Action(
            *("exclude_algorithmic", 1, "Left out of algorithmic recommendations"),
            N_("it is left out of algorithmic recommendations"),
            N_("It is not suggested to listeners automatically. It can still be searched for."),
            _DEMOTED,
        ),
        Action(
            *("exclude_all", 2, "Left out of all recommendations"),
            N_("it is left out of all recommendations"),
            N_("It is not recommended at all. It can still be searched for."),
            _DEMOTED,
        ),
    ),
    "availability": _dimension(
        *(4, "allow", "whether it can be played"),
        N_("It stays online: everyone can find it and play it."),
        Action(
            *("hold", 1, "Held back from listeners"),
            N_("it is not available for the time being"),
            N_("It cannot be played for now."),
            "DECISION_VISIBILITY_CONTENT_DISABLED",
        ),
        Action(
            *("takedown", 2, "Taken down"),
            N_("it has been removed"),
            N_("It was removed and cannot be played."),
            "DECISION_VISIBILITY_CONTENT_REMOVED",
        ),
        severe=True,
    ),
    "monetisation": _dimension(
        *(3, "allow", "whether it earns royalties"),
        N_("Payments stay as they are."),
        Action(
            *("hold", 1, "Royalties held"),
            N_("its payments are on hold"),
            N_("Payments for it wait until this is settled."),
            "DECISION_MONETARY_SUSPENSION",
        ),
        Action(
            *("exclude", 2, "Excluded from royalties"),
            N_("it takes no part in payments"),
            N_("It is not paid for."),
            "DECISION_MONETARY_TERMINATION",
        ),
        severe=True,
    ),
    "profile": _dimension(
        *(2, "attach", "whether it is on the artist's profile"),
        N_("It stays on the artist profile."),
        Action(
            *("await_approval", 1, "Waits for the artist's approval"),
            N_("it waits to be shown on the artist profile"),
            N_("It is not shown on the artist profile yet."),
            OTHER,
        ),
        Action(
            *("detach", 2, "Not attached to the artist's profile"),
            N_("it is not shown on the artist profile"),
            N_("It is not shown on the artist profile."),
            OTHER,
        ),
        severe=True,
    ),
}
Dimension = Annotated[str, OneOf(DIMENSIONS)]
STRICTNESS: Final = {name: one.names for name, one in DIMENSIONS.items()}
"""Each dimension from lenient to strict."""
NEUTRAL: Final = {name: order[0] for name, order in STRICTNESS.items()}
SEVERE: Final = {name: one.names[-1] for name, one in DIMENSIONS.items() if one.severe}
"""Consequences that take a person or a second signal."""
PENDING: Final = {name: one.names[-2] for name, one in DIMENSIONS.items() if one.severe}
"""The milder action until then."""
FACTUAL: Final = "display"
"""The dimension that states a fact; the others restrict."""
ACTIONS: Final = {
    (name, one.name): one
    for name, dimension in DIMENSIONS.items()
    for one in dimension.actions
    if one.strictness
}
"""Every action that is not neutral, by dimension and name."""


def action(dimension: str) -> OneOf:
    """Return the metadata of a field that holds a dimension's action."""
    return OneOf(one.name for one in DIMENSIONS[dimension].actions)


SENTENCES: Final[dict[str, str]] = {
    **{one.value: one.words for words in (Extent, Outcome, LabelSource, BankKind) for one in words},
    **{one.value: one.sentence for one in MatchClass if one is not MatchClass.NONE},
    **FINDING_WORDS,
}
"""The words for a code of an event."""
