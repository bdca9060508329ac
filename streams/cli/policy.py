"""``earmark policy``. See docs/how-to/rules.md.

Commands import what needs the ledger or Kafka when they run: ``lint`` and ``test`` start quickly.

Exit codes: 0; 1 where the bundle is refused or a test fails; 2 for a wrong command line.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import typer

from streams.cli import options as opt
from streams.cli.options import HERE, echo, echo_json, fail, ledger_of, operator, settings_of
from streams.contract.records.rights import WORLDWIDE
from streams.policy.bundle import Bundle, load, parse, read
from streams.policy.bundle_checks import failed_cases
from streams.policy.changes import Change, changes, needs_two
from streams.policy.evaluate import evaluate as apply
from streams.policy.features import snapshot as filled
from streams.policy.former_outcomes import hints
from streams.policy.schema import FEATURES, document

app = typer.Typer()

BundlePath = Annotated[Path, typer.Argument(help="Policy file (YAML).")]
Rule = Annotated[str, typer.Argument(help="Rule id.")]
InTerritory = Annotated[str, typer.Option("--territory", help="Evaluate in a country: DE.")]


@app.command()
def features(json: opt.Json = False) -> None:
    """List the features that a condition may use."""
    if json:
        echo_json(document())
        return
    for name, feature in FEATURES.items():
        values = f" ({', '.join(feature.values)})" if feature.values else ""
        missing = ", may be missing" if feature.missing else ""
        echo(f"{name}: {feature.kind.value}{missing}: {feature.meaning}{values}")


@app.command()
def lint(bundle: BundlePath) -> None:
    """Check a policy: form, types, features, dead rules, its tests."""
    checked = _load(bundle)
    modes = Counter(rule.mode.split()[0] for rule in checked.rules)
    counted = ", ".join(f"{count} {mode}" for mode, count in sorted(modes.items()))
    echo(f"{bundle}: {checked.name} {checked.version}, digest {checked.digest[:12]}")
    echo(f"{len(checked.rules)} rules ({counted}), {len(checked.tests)} tests pass")
    echo(*(f"hint: {sentence}" for sentence in hints(checked)))
    tested = {name for case in checked.tests
              for name in (*(case.expect.matched or ()), *(case.expect.shadow or ()))}  # fmt: skip
    tested |= {rule.id for rule in checked.rules if rule.mode == "retired"}
    if untested := [rule.id for rule in checked.rules if rule.id not in tested]:
        echo(f"hint: no test names these under matched: or shadow: {', '.join(untested)}")


@app.command()
def test(bundle: BundlePath) -> None:
    """Run the inline tests of a policy and print each result."""
    checked = parse(read(bundle), str(bundle), datetime.now(UTC).date(), tests=False)
    failures = {fault.path[1]: fault.message for fault in failed_cases(checked)}
    for index, case in enumerate(checked.tests):
        echo(f"{'FAIL' if index in failures else 'ok  '} {case.name}")
        if index in failures:
            echo(f"     {failures[index]}")
    echo(f"{len(checked.tests) - len(failures)} of {len(checked.tests)} tests pass")
    raise SystemExit(1 if failures else 0)


@app.command()
def evaluate(
    bundle: BundlePath,
    snapshot: Annotated[Path, typer.Argument(help="Features as JSON, nested or flat.")],
    key: Annotated[str, typer.Option(help="Track id, for canaries and samples.")] = "",
    territory: InTerritory = WORLDWIDE,
) -> None:
    """Evaluate a policy on one snapshot of features."""
    checked = _load(bundle)
    result = apply(
        filled(orjson.loads(snapshot.read_bytes())), checked, key=key, territory=territory
    )
    review = result.review
    echo_json(
        {
            "actions": result.actions.model_dump(),
            "rules": [hit.model_dump() for hit in result.hits],
            "on_trial": [hit.model_dump() for hit in result.shadow_hits],
            "would_be": result.would_be.model_dump(),
            "review": review and {"queue": review.queue, "priority": review.priority},
            "automation": result.automation,
            "reasons_public": result.reasons_public,
            "reasons_internal": result.reasons_internal,
            "missing_signals": result.missing_signals,
        }
    )


@app.command()
def explain(
    track: Annotated[str, typer.Argument(help="Track id.")], state: opt.StateOption = HERE
) -> None:
    """Explain a decision: facts, rules, and what the rules saw."""
    from streams.services.policies.explanation import explained

    lines = list(explained(ledger_of(state), track, opt.settings_of(state).policy))
    if not lines:
        fail(f"the ledger knows no decision about {track}")
    echo(*lines)


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(help="Policy file.")],
    new: Annotated[Path, typer.Argument(help="Policy file.")],
) -> None:
    """Compare two policies; print how many people must release the new one."""
    from streams.store.policy_releases import version_of

    before, after = _load(old), _load(new)
    differences = changes(before, after)
    echo(*map(_change_line, differences))
    if differences and version_of(after.version) <= version_of(before.version):
        echo(f"version {after.version} is not above {before.version}: raise version: to publish")
    echo("nothing differs" if not differences
           else "takes two approvers" if needs_two(differences)
           else "takes one approver")  # fmt: skip


@app.command()
def backtest(
    bundle: BundlePath,
    since: opt.Since = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many tracks.")] = None,
    json: opt.Json = False,
    state: opt.StateOption = HERE,
) -> None:
    """Evaluate a policy on decided tracks and report what would change."""
    from streams.services.policies.backtest import backtest as run
    from streams.store import reopening

    checked, ledger = _load(bundle), ledger_of(state)
    tracks = reopening.tracks_since(ledger, since, limit)
    report = run(ledger, checked, datetime.now(UTC), tracks).as_data()
    show = echo_json if json else print_report
    show(report)


@app.command()
def simulate(
    bundle: BundlePath,
    snapshots: Annotated[Path, typer.Argument(help="Snapshots of features, one JSON a line.")],
    territory: InTerritory = WORLDWIDE,
    json: opt.Json = False,
) -> None:
    """Evaluate a policy on made-up snapshots, one JSON object a line."""
    checked = _load(bundle)
    count = reviews = 0
    hits, on_trial, actions = Counter[str](), Counter[str](), Counter[str]()
    with snapshots.open("rb") as lines:
        for number, line in enumerate(lines):
            if not line.strip():
                continue
            result = apply(
                filled(orjson.loads(line)), checked, key=str(number), territory=territory
            )
            count += 1
            hits.update(hit.rule_id for hit in result.hits)
            on_trial.update(hit.rule_id for hit in result.shadow_hits)
            reviews += result.review is not None
            actions.update(f"{name}={value}" for name, value in result.actions)
    report = {
        "snapshots": count,
        "hits": dict(hits.most_common()),
        "on_trial": dict(on_trial.most_common()),
        "reviews": reviews,
        "actions": dict(actions.most_common()),
    }
    if json:
        echo_json(report)
        return
    for name, value in report.items():
        echo(f"{name}: {value}")


@app.command()
def publish(
    bundle: BundlePath,
    by: opt.By = "",
    why: opt.Why = "",
    dry_run: opt.DryRun = False,
    state: opt.StateOption = HERE,
) -> None:
    """Release a policy; a restrictive change waits for a second person."""
    from streams.services.policies.publishing import release

    checked, text = _load(bundle), read(bundle)
    released = release(
        settings_of(state), ledger_of(state), checked, text, operator(by), why, dry_run=dry_run
    )
    echo(*map(_change_line, released.changes))
    verb = "would be" if dry_run else "is"
    name = f"{checked.name} {checked.version} ({checked.digest[:12]}) {verb}"
    if released.changed.state == "live":
        approved = " and ".join(released.approvers)
        echo(f"{name} live, approved by {approved}; workers take it up within seconds")
    else:
        echo(f"{name} proposed by {released.by}; it restricts more than "
             f"{released.running.version}, so another person must run: "
             f"earmark policy publish {bundle} --by NAME")  # fmt: skip


def _switch(position: Literal["killed", "on"], done: str) -> Callable[..., None]:
    """Return the command that brings a rule's switch into a position."""

    def command(
        rule: Rule,
        by: opt.By = "",
        why: opt.Why = "",
        dry_run: opt.DryRun = False,
        state: opt.StateOption = HERE,
    ) -> None:
        from streams.services.policies.publishing import UnknownRule, switch_rule

        settings, ledger = settings_of(state), ledger_of(state)
        try:
            name = switch_rule(settings, ledger, rule, position, operator(by), why, dry_run=dry_run)
        except UnknownRule as error:
            raise typer.BadParameter(error.detail) from error
        if dry_run:
            echo(f"rule {rule} would be {done} by {name}")
            return
        echo(f"rule {rule} is {done} by {name}; workers take it up within seconds")
        echo("what was decided before stays until: earmark redecide --since 7d --yes")

    return command


at_once = "Disable a rule at once, whatever its mode in the policy."
app.command("disable", help=at_once)(_switch("killed", "disabled"))
again = "Enable a disabled rule again; this takes the right to release."
app.command("enable", help=again)(_switch("on", "enabled"))


def _load(path: Path) -> Bundle:
    return load(path, datetime.now(UTC).date())


def _change_line(change: Change) -> str:
    return f"{change.what}{'   [restrictive]' if change.restrictive else ''}"


def _flip_text(flip: dict[str, Any]) -> str:
    where = f" in {', '.join(flip['territories'])}" if "territories" in flip else ""
    return f"{flip['dimension']}{where}: {flip['from']} -> {flip['to']}"


def print_report(report: dict[str, Any]) -> None:
    """Print a back-test."""
    tracks, reviews, changed = report["tracks"], report["reviews"], report["changed"]
    echo(f"{tracks} tracks, uploaded {report['from']} to {report['to']}")
    for title, name in (("rules that act", "hits"), ("rules on trial", "on_trial")):
        hits = report[name].items()
        echo(f"{title}:", *(f"  {rule}: {n} ({n / max(1, tracks):.1%})" for rule, n in hits))
    for title, name in (("would change", "flips"), ("on trial would change", "would_flip")):
        lines = [f"  {_flip_text(flip)}: {flip['tracks']} tracks" for flip in report[name]]
        echo(f"{title}:", *(lines or ["  nothing"]))
    echo(f"reviews: {reviews['before']} before, {reviews['now']} now, "
         f"{reviews['with_trials']} with what is on trial")  # fmt: skip
    echo("by distributor:")
    for name, counts in sorted(report["by_distributor"].items()):
        flips = ", ".join(f"{key} {value}" for key, value in counts.items() if key != "tracks")
        echo(f"  {name}: {counts['tracks']} tracks; {flips or 'nothing changes'}")
    echo("on tracks that people have reviewed (right: they say there is AI):")
    precision = report["precision"].items()
    lines = [f"  {rule}: {n['right']} of {n['reviewed']} right" for rule, n in precision]
    echo(*(lines or ["  none yet"]))
    echo(f"changed tracks ({len(changed)} named):")
    for track in changed[:20]:
        changes = [*map(_flip_text, track["changes"])]
        changes += [f"on trial: {rule}" for rule in track["on_trial"]]
        echo(f"  {track['track_id']}: {'; '.join(changes)}")
    if len(changed) > 20:
        echo("  ... all of them with --json")
