"""``earmark policy``: write, test, back-test, release. See "Write a rule" in the README.

Exit codes: 0; 1 where the bundle is refused or a test fails; 2 for a wrong command line.
"""

import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from streams.cli.dead_letters import moment
from streams.ops.state import DEFAULT, State

if TYPE_CHECKING:
    from streams.policy.bundle import Bundle
    from streams.policy.evaluate import Evaluation
    from streams.runtime.settings import Settings
    from streams.store.database import Ledger

app = typer.Typer(no_args_is_help=True, help="Policies: write, test, back-test, release.")

BundlePath = Annotated[Path, typer.Argument(help="Policy file (YAML).")]
StateOption = Annotated[Path, typer.Option("--state", help="Folder of a one-machine instance.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
By = Annotated[str, typer.Option("--by", help="Who you are; noted.")]
Why = Annotated[str, typer.Option("--why", help="Why; noted.")]
Since = Annotated[
    datetime | None, typer.Option(parser=moment, metavar="TIME", help="From: ISO 8601, or 6h, 7d.")
]


@app.command()
def features(json: Json = False) -> None:
    """What a condition may ask."""
    from streams.policy.schema import FEATURES, document

    if json:
        _print_json(document())
        return
    for name, one in FEATURES.items():
        words = f" ({', '.join(one.values)})" if one.values else ""
        missing = ", may be missing" if one.missing else ""
        _print(f"{name}: {one.kind.value}{missing}: {one.meaning}{words}")


@app.command()
def lint(bundle: BundlePath) -> None:
    """Check a policy: form, types, features, dead rules, the single-score rule, its tests."""
    checked = _load(bundle)
    modes: dict[str, int] = {}
    for rule in checked.rules:
        word = rule.mode.split()[0]
        modes[word] = modes.get(word, 0) + 1
    counted = ", ".join(f"{count} {mode}" for mode, count in sorted(modes.items()))
    _print(f"{bundle}: {checked.name} {checked.version}, digest {checked.digest[:12]}")
    _print(f"{len(checked.rules)} rules ({counted}), {len(checked.tests)} tests pass")
    tested = {name for case in checked.tests
              for name in (*(case.expect.matched or ()), *(case.expect.shadow or ()))}  # fmt: skip
    untested = [one.id for one in checked.rules if one.id not in tested and one.mode != "retired"]
    if untested:
        _print(f"hint: no test names these under matched: or shadow: {', '.join(untested)}")


@app.command()
def test(bundle: BundlePath) -> None:
    """Run the inline tests of a policy, and say what each comes to."""
    from streams.policy.bundle import GATHER, Bundle, BundleError, read
    from streams.policy.bundle_checks import failed_cases
    from streams.policy.source_map import NotPlain
    from streams.policy.source_map import read as marked

    try:  # a bundle with failing tests does not load: it is looked into here
        checked = Bundle.model_validate(marked(read(bundle)).data, context={GATHER: True})
        failures = {fault.path[1]: fault.message for fault in failed_cases(checked)}
    except (BundleError, NotPlain, ValueError):
        _load(bundle)  # says what is wrong, and ends
        return
    for index, case in enumerate(checked.tests):
        _print(f"{'FAIL' if index in failures else 'ok  '} {case.name}")
        if index in failures:
            _print(f"     {failures[index]}")
    _print(f"{len(checked.tests) - len(failures)} of {len(checked.tests)} tests pass")
    if failures:
        raise SystemExit(1)
    _load(bundle)


@app.command()
def evaluate(
    bundle: BundlePath,
    snapshot: Annotated[Path, typer.Argument(help="Features as JSON, nested or flat.")],
    key: Annotated[str, typer.Option(help="Track id, for canaries and samples.")] = "",
) -> None:
    """What a policy says about one snapshot of features."""
    from streams.policy.evaluate import evaluate as ask
    from streams.policy.features import snapshot as filled

    checked = _load(bundle)
    said = ask(filled(orjson.loads(snapshot.read_bytes())), checked, key=key)
    _print_json(_said(said))


@app.command()
def explain(
    track: Annotated[str, typer.Argument(help="Track id.")], state: StateOption = Path(DEFAULT)
) -> None:
    """Why a track was decided as it was: facts, rules, what they saw."""
    from streams.services.policies.explanation import explained

    lines = list(explained(_ledger(state), track))
    for line in lines:
        _print(line)
    if not lines:
        sys.stderr.write(f"earmark: the ledger knows no decision about {track}\n")
        raise SystemExit(1)


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="Policy file.")],
    new: Annotated[Path, typer.Argument(help="Policy file.")],
) -> None:
    """What differs between two policies, and whether it takes two people to release."""
    from streams.policy.changes import changes, needs_two
    from streams.store.policy_releases import version_of

    before, after = _load(old), _load(new)
    found = changes(before, after)
    for one in found:
        _print(f"{one.what}{'   [restrictive]' if one.restrictive else ''}")
    if found and version_of(after.version) <= version_of(before.version):
        _print(f"version {after.version} is not above {before.version}: raise version: to publish")
    _print("nothing differs" if not found else "takes two approvers" if needs_two(found)
           else "takes one approver")  # fmt: skip


@app.command()
def backtest(
    bundle: BundlePath,
    since: Since = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many tracks.")] = None,
    json: Json = False,
    state: StateOption = Path(DEFAULT),
) -> None:
    """Run a policy over decided tracks: hits, flips, review load, precision. Changes nothing."""
    from streams.services.policies.backtest import backtest as run
    from streams.store import reopening

    checked, ledger = _load(bundle), _ledger(state)
    tracks = reopening.tracks_since(ledger, since, limit)
    report = run(ledger, checked, datetime.now(UTC), tracks).as_data()
    if json:
        _print_json(report)
    else:
        _print_report(report)


@app.command()
def simulate(
    bundle: BundlePath,
    snapshots: Annotated[Path, typer.Argument(help="Snapshots of features, one JSON a line.")],
    json: Json = False,
) -> None:
    """Run a policy over made-up snapshots, one JSON object a line."""
    from collections import Counter

    from streams.policy.evaluate import evaluate as ask
    from streams.policy.features import snapshot as filled

    checked = _load(bundle)
    count, hits, on_trial, reviews = 0, Counter[str](), Counter[str](), 0
    actions: Counter[str] = Counter()
    with snapshots.open("rb") as lines:
        for number, line in enumerate(lines):
            if not line.strip():
                continue
            said = ask(filled(orjson.loads(line)), checked, key=str(number))
            count += 1
            hits.update(hit.rule_id for hit in said.hits)
            on_trial.update(hit.rule_id for hit in said.shadow_hits)
            reviews += said.review is not None
            actions.update(f"{name}={value}" for name, value in said.actions)
    report = {
        "snapshots": count,
        "hits": dict(hits.most_common()),
        "on_trial": dict(on_trial.most_common()),
        "reviews": reviews,
        "actions": dict(actions.most_common()),
    }
    if json:
        _print_json(report)
        return
    for name, value in report.items():
        _print(f"{name}: {value}")


@app.command()
def publish(
    bundle: BundlePath,
    by: By = "",
    why: Why = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be.")] = False,
    state: StateOption = Path(DEFAULT),
) -> None:
    """Release a policy to a running Earmark; a restrictive change waits for a second person."""
    from streams.contract import topics
    from streams.policy.bundle import load, read
    from streams.services.policies.publishing import approver, named, running, said_about, send
    from streams.services.policies.publishing import publish as release

    checked, settings, ledger = _load(bundle), _settings(state), _ledger(state)
    live = running(ledger, load(settings.policy))
    said = said_about(ledger, checked.name)
    who, shown = approver(ledger, by.strip() or getpass.getuser())
    made = release(checked, read(bundle), live, said, who, why, datetime.now(UTC))
    for one in made.changes:
        _print(f"{one.what}{'   [restrictive]' if one.restrictive else ''}")
    if not dry_run:
        send(settings, topics.POLICIES_CHANGED, [made.changed])
    name = f"{checked.name} {checked.version} ({checked.digest[:12]})"
    approved = " and ".join(named(ledger, one) for one in made.changed.approved_by)
    verb = "would be" if dry_run else "is"
    if made.changed.state == "live":
        _print(f"{name} {verb} live, approved by {approved}; workers take it up within seconds")
    else:
        _print(
            f"{name} {verb} proposed by {shown}; it restricts more than {live.version}, so "
            f"another person must run: earmark policy publish {bundle} --by NAME"
        )


@app.command()
def switch(
    rule: Annotated[str, typer.Argument(help="Rule id.")],
    position: Annotated[str, typer.Argument(help="off or on.")],
    by: By = "",
    why: Why = "",
    state: StateOption = Path(DEFAULT),
) -> None:
    """Switch a rule off at once, whatever the policy says; or on again, as after a trip."""
    from streams.contract import topics
    from streams.policy.bundle import load
    from streams.services.policies.publishing import approver, running, send, switched

    if position not in ("off", "on"):
        raise typer.BadParameter("say off or on")
    settings, ledger = _settings(state), _ledger(state)
    live = running(ledger, load(settings.policy))
    if rule not in {one.id for one in live.rules}:
        raise typer.BadParameter(f"{live.name} {live.version} has no rule {rule!r}")
    word = "killed" if position == "off" else "on"
    given = by.strip() or getpass.getuser()
    # Whoever is on call may switch off; to switch on is to release again.
    who, shown = (given, given) if position == "off" else approver(ledger, given)
    changed = switched(live.ref, rule, word, who, why, datetime.now(UTC))  # type: ignore[arg-type]
    send(settings, topics.POLICIES_CHANGED, [changed])
    _print(f"rule {rule} is switched {position} by {shown}; workers take it up within seconds")
    _print("what was decided before stays until: earmark redecide --since 7d --yes")


def _load(path: Path) -> "Bundle":
    from streams.policy.bundle import load

    return load(path, datetime.now(UTC).date())


def _ledger(state: Path) -> "Ledger":
    from streams.store.database import Ledger

    return Ledger.open(_settings(state).ledger)


def _settings(state: Path) -> "Settings":
    return State(state).announced() or State(state).settings(None)


def _said(said: "Evaluation") -> dict[str, Any]:
    return {
        "actions": said.actions.model_dump(),
        "rules": [hit.model_dump() for hit in said.hits],
        "on_trial": [hit.model_dump() for hit in said.shadow_hits],
        "would_be": said.would_be.model_dump(),
        "review": None
        if said.review is None
        else {"queue": said.review.queue, "priority": said.review.priority},
        "automation": said.automation,
        "reasons_public": list(said.reasons_public),
        "reasons_internal": list(said.reasons_internal),
        "missing_signals": list(said.missing_signals),
    }


def _print_report(report: dict[str, Any]) -> None:
    tracks = report["tracks"]
    _print(f"{tracks} tracks, uploaded {report['from']} to {report['to']}")
    for title, name in (("rules that act", "hits"), ("rules on trial", "on_trial")):
        _print(f"{title}:")
        for rule, count in report[name].items():
            _print(f"  {rule}: {count} ({count / max(1, tracks):.1%})")
    for title, name in (("would change", "flips"), ("on trial would change", "would_flip")):
        _print(f"{title}:")
        for one in report[name] or [None]:
            _print("  nothing" if one is None else f"  {one['dimension']}: {one['from']} -> "
                   f"{one['to']}: {one['tracks']} tracks")  # fmt: skip
    reviews = report["reviews"]
    _print(
        f"reviews: {reviews['before']} before, {reviews['now']} now, "
        f"{reviews['with_trials']} with what is on trial"
    )
    _print("by distributor:")
    for name, found in sorted(report["by_distributor"].items()):
        flips = ", ".join(f"{key} {value}" for key, value in found.items() if key != "tracks")
        _print(f"  {name}: {found['tracks']} tracks; {flips or 'nothing changes'}")
    _print("on tracks that people have reviewed (right: they say there is AI):")
    for rule, one in report["precision"].items():
        _print(f"  {rule}: {one['right']} of {one['reviewed']} right")
    if not report["precision"]:
        _print("  none yet")
    _print(f"changed tracks ({len(report['changed'])} named):")
    for one in report["changed"][:20]:
        said = [f"{name} {was} -> {now}" for name, (was, now) in one["changes"].items()]
        said += [f"on trial: {rule}" for rule in one["on_trial"]]
        _print(f"  {one['track_id']}: {'; '.join(said)}")
    if len(report["changed"]) > 20:
        _print("  ... all of them with --json")


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")


def _print_json(data: Any) -> None:
    sys.stdout.write(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode() + "\n")
