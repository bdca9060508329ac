"""Why a track was decided as it was, in sentences, from the decision and its snapshot alone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from streams.contract.records import TrackDecided
from streams.contract.records.rights import WORLDWIDE
from streams.contract.vocabulary import NEUTRAL
from streams.policy.bundle import Bundle, BundleError, parse
from streams.policy.evaluate import evaluate
from streams.policy.features import snapshot
from streams.store import policy_releases, reopening
from streams.store.database import Ledger

BY: Final = {
    "fully": "by machine alone",
    "partially": "by machine and people",
    "none": "by people",
}


def explained(ledger: Ledger, track_id: str, policy_file: Path) -> Iterator[str]:
    """Yield the explanation of the current decision, line by line; nothing if there is none.

    ``policy_file`` is the configured policy: one that was never published is found there.
    """
    current = reopening.current_decisions(ledger, [track_id]).get(track_id)
    if current is None:
        return
    decided = current.decided
    label, policy = decided.label, decided.policy
    yield f"{decided.decision_id} about {track_id} (upload {decided.upload_id})"
    yield (
        f"label: AI extent {label.extent.value}, {label.certainty.value} "
        f"({label.source.explanation})"
        + (f", licensed by {label.agreement_id or 'the generator'}" if label.licensed else "")
    )
    yield f"policy: {policy.name} {policy.version}, digest {policy.digest[:12]}"
    done = [f"{name} {value}" for name, value in decided.actions if value != NEUTRAL[name]]
    yield f"follows: {', '.join(done) or 'nothing'}; decided {BY[decided.automation]}"
    for scoped in decided.territorial:
        there = [f"{name} {value}" for name, value in scoped.actions]
        yield f"  in {', '.join(scoped.territories)}: {', '.join(there)}"
    for term in decided.terms:
        until = f" until {term.ends_at:%Y-%m-%d %H:%M} UTC" if term.ends_at else ""
        yield f"  {term.dimension} {term.value}: rule {term.rule_id}, {term.reason_code}{until}"
    if decided.cause is not None:
        yield (
            f"decided again because of {decided.cause.kind} {decided.cause.id}, instead of "
            f"{decided.previous_decision_id}; changed: {', '.join(decided.changed_dimensions)}"
        )
    for used in decided.rights:
        yield f"registry: {used.purpose} {used.entry_id} version {used.version}: {used.status}"
    if decided.missing_signals:
        yield f"not known: {', '.join(decided.missing_signals)}"
    yield from _rules(ledger, decided, policy_file)


def _rules(ledger: Ledger, decided: TrackDecided, policy_file: Path) -> Iterator[str]:
    hits = {hit.rule_id: hit for hit in decided.rules}
    bundle = _bundle_of(ledger, decided.policy.digest, policy_file)
    values = decided.features.get("values", {})
    if bundle is None:
        yield f"rules that held: {', '.join(hits) or 'none'} (the policy's text is not here)"
        return
    overrides = tuple(decided.features.get("overrides", ()))
    off, lapsed = (frozenset(decided.features.get(name, ())) for name in ("off", "lapsed"))
    conditions = bundle.conditions(overrides)
    again = evaluate(
        *(snapshot(values), bundle),
        key=decided.track_id,
        territory=decided.features.get("territory", WORLDWIDE),
        overrides=overrides,
        off=off,
        lapsed=lapsed,
    )
    trials = {hit.rule_id for hit in again.shadow_hits}
    off |= {name for each in bundle.overrides if each.id in overrides for name in each.off}
    if again.actions != decided.actions:
        yield "the snapshot does not give this decision any more: another release evaluated it"
    elsewhere = decided.features.get("elsewhere", {})  # rule: the territories in which it holds
    acting = {rule.id for rule in bundle.running if rule.acts_on(decided.track_id)}
    holding = {*hits, *(elsewhere.keys() & acting)}
    trials |= elsewhere.keys() - acting
    for rule in bundle.running:
        hit = hits.get(rule.id)
        word = next((word for word, names in (("OFF", off), ("HOLDS", holding), ("TRIAL", trials))
                     if rule.id in names), "")  # fmt: skip
        waits = ", waits for a person" if hit and hit.pending else ""
        places = elsewhere.get(rule.id, rule.territories)
        where = f", in {', '.join(places)}" if places else ""
        yield f"{word:5} {rule.id} ({rule.mode}{where}{waits}): {' '.join(rule.when.split())}"
        seen = [f"{name} = {values.get(name)!r}" for name in conditions[rule.id].reads]
        yield f"      saw {', '.join(seen) or 'nothing'}"


def _bundle_of(ledger: Ledger, digest: str, policy_file: Path) -> Bundle | None:
    """Return the policy with a digest: a published one, or the configured file."""
    if (published := policy_releases.text_of(ledger, digest)) is not None:
        name, text = published
        return parse(text, name)
    try:
        configured = parse(policy_file.read_text(encoding="utf-8"), "policy")
    except (OSError, BundleError):
        return None
    return configured if configured.digest == digest else None
