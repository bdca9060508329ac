"""Rules: a condition in CEL over the features, and the consequences where it holds; overrides.

One rule is built in: a detector's score alone never removes a track, takes its money or detaches
it from its artist. A policy that could do so does not load (``bundle``), and ``evaluate`` softens
such a rule all the same. Such a consequence takes a person (``requires: human``), or a signal that
is not the detector's: provenance, a registry, fraud, or the deliverer's own declaration of AI.
"""

import difflib
import hashlib
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictStr,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from streams.contract.records import Actions, Dimension, Identifier, Territory
from streams.contract.vocabulary import PENDING, SEVERE, Finding
from streams.policy.registry import covers, folded

NEUTRAL: Final = Actions()

NAME: Final = r"^[a-z][a-z0-9-]*$"
Name = Annotated[str, StringConstraints(pattern=NAME, max_length=64)]
Sentence = Annotated[str, StringConstraints(min_length=1, max_length=500)]
# A threshold, a switch or a word.
Parameter = Annotated[StrictBool | StrictFloat | StrictStr, Field(union_mode="left_to_right")]
# What a restriction is about, for a statement of reasons.
Category = Literal["terms", "impersonation", "voice", "fraud", "copyright"]
OnMissing = Literal["skip", "match", "review"]
REASON_CODE: Final = r"^R-[A-Z0-9-]+$"
MODE: Final = r"^(draft|shadow|live|retired|canary \d{1,3}(\.\d{1,2})?%)$"
SPAN: Final = r"^\d{1,4}[hd]$"
BUCKETS: Final = 10_000

MISPLACED = "misplaced"  # error type whose ctx["at"] leads on from the error's location


def fault(at: tuple[str | int, ...], message: str) -> PydanticCustomError:
    """Return a validation error that points at ``at``, relative to where it is raised."""
    return PydanticCustomError(MISPLACED, "{message}", {"at": at, "message": message})


class Strict(BaseModel):
    """The base of everything that a policy file may contain: frozen, and no unknown keys.

    With a misspelt key, a rule silently does less than its author believes.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _only_known_keys(cls, values: Any) -> Any:
        known = sorted(cls.model_fields)
        for key in values if isinstance(values, dict) else ():
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1)
                advice = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
                raise fault((key,), f"unknown key {str(key)!r}; {advice}")
        return values


class RuleActions(Actions, Strict):
    """What a rule does, dimension by dimension; a dimension that it omits is unchanged."""


class Review(Strict):
    """The queue of the task, and its priority; 100 comes first."""

    queue: Name
    priority: Annotated[int, Field(ge=0, le=100)]


class Rule(Strict):
    """One rule.

    ``priority`` orders hits and public reasons. It weakens no rule by itself: over all that
    hold the strictest value of each dimension counts, unless a rule with a higher priority
    ``lifts`` that dimension.

    ``requires: human`` opens a review task, and a severe consequence is only pending
    (``PENDING``) until a person has confirmed that there is AI, or with ``finding`` has found
    that. Where a person has found no AI, a rule without ``finding`` holds and removes nothing.

    A rule applies to a licensed track only with ``despite_licence``, and outside of its
    ``territories`` not at all; without any it applies everywhere.

    ``on_missing`` applies where a feature that the condition reads is not known: ``skip`` (the
    rule does not hold), ``match``, or ``review`` (by a person). The decision names the missing
    feature in any case.
    """

    id: Name
    version: Annotated[int, Field(ge=1)]
    mode: Annotated[str, StringConstraints(pattern=MODE)] = "live"
    priority: Annotated[int, Field(ge=0, le=1_000)]
    when: Annotated[str, StringConstraints(min_length=1)]
    on_missing: OnMissing | None = None
    actions: RuleActions = RuleActions()
    lifts: tuple[Dimension, ...] = ()
    territories: tuple[Territory, ...] = ()
    despite_licence: bool = False
    ends_after: Annotated[str, StringConstraints(pattern=SPAN)] | None = None
    reason_code: Annotated[str, StringConstraints(pattern=REASON_CODE, max_length=64)]
    public: Sentence | None = None
    public_de: Sentence | None = None
    internal: Sentence | None = None
    clause: Sentence | None = None
    category: Category = "terms"
    requires: Literal["human"] | None = None
    finding: Finding | None = None
    review: Review | None = None
    sample_to_review: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0

    def public_in(self, language: str) -> str | None:
        """Return what the recipient reads; English where the rule has no text in a language."""
        return (self.public_de if language == "de" else None) or self.public

    @field_validator("when", mode="before")
    @classmethod
    def _is_text(cls, value: Any) -> Any:
        if isinstance(value, dict | list):
            raise fault((), 'a condition is CEL text: when: label.extent == "All"')
        return str(value).lower() if isinstance(value, bool) else value

    @model_validator(mode="after")
    def _keeps_the_house_rules(self) -> Self:
        if self.canary is not None and not 0 < self.canary <= 1:
            raise fault(("mode",), "a canary takes more than 0% and at most 100%")
        if self.requires and not self.review:
            raise fault(("requires",), "requires: human needs review: {queue, priority}")
        if self.review and not self.requires:
            raise fault(("review",), "a review needs requires: human beside it")
        if self.finding and not self.requires:
            raise fault(("finding",), "only a person can find that: add requires: human")
        if self.requires:
            return self
        for dimension, value in self.actions:
            if value == PENDING.get(dimension):
                raise fault(
                    ("actions", dimension),
                    f"{value!r} waits for a person: add requires: human and a review queue",
                )
        return self

    @property
    def canary(self) -> float | None:
        """The share of tracks that a canary acts on; None: it is none."""
        return float(self.mode[7:-1]) / 100 if self.mode.startswith("canary") else None

    @property
    def span(self) -> timedelta | None:
        """How long its consequences last; None: until something changes."""
        if self.ends_after is None:
            return None
        unit = timedelta(hours=1) if self.ends_after[-1] == "h" else timedelta(days=1)
        return int(self.ends_after[:-1]) * unit

    @property
    def severe(self) -> tuple[str, ...]:
        """The dimensions in which it does, without a person, what takes one or a second signal."""
        severe = (name for name, value in self.actions if value == SEVERE.get(name))
        return () if self.requires else tuple(severe)

    def is_for(self, territory: str) -> bool:
        """Whether it applies in a territory; the worldwide default is no country's."""
        return not self.territories or covers(self.territories, territory)

    def acts_on(self, key: str | None) -> bool:
        """Whether it acts on a track: always if live, in its share of them if a canary.

        ``None`` is no track in particular: a canary then is on trial, if it leaves any out.
        """
        if self.mode == "live":
            return True
        share = 1.0 - 1.0 / BUCKETS if key is None else share_of(f"canary:{self.id}", key)
        return self.canary is not None and share < self.canary

    def sampled(self, key: str | None) -> bool:
        """Whether a track on which it acted is looked at by a person all the same."""
        if key is None:
            return self.sample_to_review >= 1
        return share_of(f"sample:{self.id}:{self.version}", key) < self.sample_to_review


class Scope(Strict):
    """Whom an override is for; what is given must all fit."""

    territories: tuple[Territory, ...] = ()
    distributors: tuple[Identifier, ...] = ()
    agreements: tuple[Identifier, ...] = ()

    @model_validator(mode="after")
    def _is_for_somebody(self) -> Self:
        if not (self.territories or self.distributors or self.agreements):
            raise fault((), "an override for everybody is a change of the policy: name a scope")
        return self


class Override(Strict):
    """One exception, with an end: it changes parameters or switches rules off.

    It cannot add consequences, nor lift the single-score rule: a bundle is checked under every
    override by itself. The day on which it expires is the last on which it holds (UTC).
    """

    id: Name
    scope: Scope
    params: dict[str, Parameter] = Field(default_factory=dict)
    off: tuple[Identifier, ...] = ()
    expires: date
    why: Sentence

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.params or self.off):
            raise fault((), "this override changes nothing: give params or off")
        return self

    @property
    def ends_at(self) -> datetime:
        """The first moment at which it no longer holds."""
        day = timedelta(days=1)
        return datetime.combine(min(self.expires, date.max - day) + day, time(), UTC)

    def meets(self, other: "Override") -> bool:
        """Whether both can apply to one delivery in one territory."""
        own, foreign = self.scope, other.scope
        pairs = ((own.territories, foreign.territories), (own.distributors, foreign.distributors))
        return all(not (a and b) or bool(folded(a) & folded(b)) for a, b in pairs)

    def holds(
        self,
        territory: str,
        distributor: str | None,
        agreements: Iterable[str | None],
        at: datetime,
    ) -> bool:
        """Whether it applies to a delivery in a territory at a time."""
        pairs = (
            (self.scope.territories, [territory]),
            (self.scope.distributors, [distributor]),
            (self.scope.agreements, agreements),
        )
        fits = all(not meant or bool(folded(meant) & folded(names)) for meant, names in pairs)
        return fits and at < self.ends_at


def share_of(name: str, key: str) -> float:
    """Return where a track lies between 0 and 1, the same for ever, apart for each name."""
    digest = hashlib.sha256(f"{name}\x00{key}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % BUCKETS / BUCKETS


def spared(actions: Actions) -> Actions:
    """Return actions without what only a person or a second signal can bring about."""
    neutral = {
        dimension: getattr(NEUTRAL, dimension)
        for dimension, value in actions
        if value in (SEVERE.get(dimension), PENDING.get(dimension))
    }
    return Actions.model_validate(dict(actions) | neutral)


def pending(actions: Actions) -> Actions:
    """Return the actions in force until a person has decided."""
    held = {name: PENDING[name] for name, value in actions if value == SEVERE.get(name)}
    return Actions.model_validate(dict(actions) | held)
