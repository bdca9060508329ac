"""The words of the field, in the order in which an upload meets them.

The page ``docs/reference/glossary.md`` is made of them, and ``deploy.prose`` refuses the words that
stand for the same thing. So code, console, metrics and documents use each term alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from detector.calibration.strata import STRATA
from detector.matching.classes import MatchClass
from streams.contract.processes import PROCESSES
from streams.contract.vocabulary import (
    DIMENSIONS,
    FINDINGS,
    TIERS,
    BankKind,
    Certainty,
    Extent,
    LabelSource,
    Outcome,
)


@dataclass(frozen=True)
class Term:
    """A word, and what it means; ``instead_of``: a regular expression for words to avoid."""

    word: str
    meaning: str
    instead_of: str = ""


def _listed(values: Iterable[object]) -> str:
    return ", ".join(f"`{value}`" for value in values)


SOURCES: Final = sorted(LabelSource, key=lambda source: source.rank, reverse=True)
ARRIVAL: Final = (
    Term("track", "one recording of the platform, known by its `track_id`"),
    Term("upload", "one delivery of one track"),
    Term("distributor", "the company that delivers, as the upload names it", r"aggregators?\b"),
    Term("declaration", "what the deliverer states about AI in a track"),
    Term("hook", "the few lines that send uploads from an ingest pipeline"),
    Term("topic", "a Kafka topic; events of one kind, keyed by track"),
    Term("process", f"a program of an installation: {_listed(PROCESSES)}"),
    Term("dead letter", "a message that could not be processed, with its bytes",
         r"poison (?:messages?|pills?)|quarantined?\b"),
    Term("replay", "sending a dead letter's message again"),
)  # fmt: skip
ANALYSIS: Final = (
    Term("observation", "the features that the detector reads instead of audio"),
    Term("artefact store", "the folder or bucket with observations and analyses",
         r"artifact stores?\b"),
    Term("provenance", "what a file states of how it was made: manifest, tags, marks"),
    Term("manifest", "a signed C2PA statement inside a file"),
    Term("mark", "a tag or a watermark by which a generator names itself"),
    Term("watermark", "a mark in the sound itself"),
    Term("trust anchor", "an authority whose signatures confirm a manifest",
         r"trusted roots?\b|root of trust"),
    Term("fingerprint", "acoustic fingerprint by libchromaprint"),
    Term("landmarks", "spectral peaks, the second fingerprint"),
    Term("bank", f"a set of known tracks; its kind is {_listed(BankKind)}",
         r"(?:black|block|deny) ?lists?\b"),
    Term("match", "a known track that an upload is, wholly or in part; its class is "
         + _listed(one for one in MatchClass if one is not MatchClass.NONE)),
    Term("segment", "a stretch of about 12 s with its own score"),
    Term("generator", "a system that makes AI music"),
    Term("branch", "one kind of evidence that the detector looks for"),
    Term("evidence", "one kind of trace with its sentence"),
    Term("score", "the raw number of the detector, unsaturated, in nats"),
    Term("stratum", f"human music of one evenness, which is compared apart: {_listed(STRATA)}"),
    Term("p-value", "conformal: the share of human performances that score at least as high",
         r"p values?\b"),
    Term("alpha", "the false-positive rate that the operator accepts"),
    Term("probability", "the calibrated score, at even prior odds"),
    Term("analysis", "the detector's answer"),
    Term("outcome", f"its word: {_listed(Outcome)}", r"(?:the )?detector's verdicts?\b"),
    Term("tier", f"{_listed(TIERS)}: an outcome that finds AI, with a rate of its own"),
)  # fmt: skip
DECISION: Final = (
    Term("label", f"a fact: extent ({_listed(Extent)}; DDEX `ContainsAI`), certainty "
         f"({_listed(Certainty)}), source, the strongest first ({_listed(SOURCES)})"),
    Term("registry", "agreements, consents and licences of generators"),
    Term("agreement", "a grant of the registry, with its conditions and dates"),
    Term("policy", "rules and overrides in one YAML file"),
    Term("feature", "a value that conditions of rules ask for"),
    Term("rule", "one condition with its actions"),
    Term("override", "an exception to the rules, with an end"),
    Term("back-test", "what a policy would have decided about past tracks", r"backtests?\b(?!\()"),
    Term("trial", "a rule that is evaluated and has no effect (`mode: shadow`)"),
    Term("decision", f"the actions on {_listed(DIMENSIONS)}"),
    Term("statement of reasons", "what a restriction rests on, and how to object (DSA)"),
    Term("catalogue", "the platform's own system, which applies decisions", r"catalogs?\b"),
)  # fmt: skip
PEOPLE: Final = (
    Term("review task", "a question for a person, in a queue",
         r"review (?:tickets?|items?|cases?)\b|moderation (?:tasks?|cases?)\b"),
    Term("reviewer", "a person who answers review tasks", r"(?:content )?moderators?\b"),
    Term("verdict", "a reviewer's answer, with reasons"),
    Term("finding", f"what a person found beside the extent: {_listed(FINDINGS)}"),
    Term("artist link", "a signed address of the page about one recording, without an account"),
    Term("daily digest", "one mail a day with the statements of reasons for one distributor"),
    Term("bounce", "a mail that comes back after the mail server accepted it"),
    Term("appeal", "a contested decision, decided again by another person"),
    Term("outbox", "what people did, stored until it is published"),
    Term("ledger", "the SQL projection of all topics"),
    Term("audit log", "who did what, each entry chained to the one before it", r"audit trails?\b"),
    Term("digest", "the SHA-256 that names a model or a policy, in every decision"),
)  # fmt: skip
TERMS: Final = (*ARRIVAL, *ANALYSIS, *DECISION, *PEOPLE)
INSTEAD: Final = {term.instead_of: term.word for term in TERMS if term.instead_of}
"""The word to use, by the regular expression of those to avoid."""
