"""What ``up`` and ``submit`` print: one line for each end, a summary at the end."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from streams.contract.dead_letters import DeadLetter
from streams.contract.printing import printable
from streams.contract.records import Label, LabelSource
from streams.ops.inputs import Skipped
from streams.ops.watch import Ended
from streams.policy.schema import SAYS_AI
from streams.services.wording import places, restrictions, unsure

COLOURS: Final = {
    "identified": "bold magenta",
    "suspected": "magenta",
    "no_trace": "green",
    "uncertain": "yellow",
    "not_assessable": "cyan",
    "dead letter": "red",
}
HEADER: Final = f"{'outcome':14} {'p(AI)':>6} {'extent':8} {'seconds':>7}  track and actions"


def line(name: str, ended: Ended, seconds: float | None) -> Text:
    """Return the line of one end."""
    probability = extent = track_id = ""
    took = "" if seconds is None else f"{seconds:.1f}"
    if isinstance(ended.end, DeadLetter):
        notes = [f"{ended.end.reason}: {ended.end.detail}"]
    else:
        analysis, label, track_id = ended.end.analysis, ended.end.label, ended.end.track_id
        probability = "" if analysis.probability is None else f"{analysis.probability:.3f}"
        extent = label.extent.value
        notes = [f"according to {label.source.words}"] if _is_stated(label) else []
        notes += restrictions(ended.end.actions)
        if label.licensed:
            notes.append(f"licensed ({label.agreement_id})")
        if ended.end.review_task_id:
            notes.append("review requested")
        if why := unsure(analysis):
            notes.append(why)
        for scope in ended.end.territorial:
            there = " ".join(restrictions(scope.actions, licensed=scope.licensed)) or "nothing"
            notes.append(f"in {places(scope.territories)}: {there}")
    text = Text(
        printable(
            f"{ended.outcome:14} {probability:>6} {extent:8} {took:>7}  {name}"
            + (f": {', '.join(notes)}" if notes else "")
        )
    )
    if track_id not in ("", name):  # by which `show` and `policy explain` know it
        text.append(printable(f"  {track_id}"), "dim")
    text.stylize(COLOURS[ended.outcome], 0, 14)
    return text


def _is_stated(label: Label) -> bool:
    """Return whether others than the detector state AI: the outcome does not explain it."""
    return label.extent in SAYS_AI and label.source is not LabelSource.DETECTOR


def skipped_line(item: Skipped) -> Text:
    """Return the line of something that was named and not sent."""
    text = printable(f"not sent: {item.path}: {item.detail} ({item.reason})")
    return Text(text, style="dim")


def summary(console: Console, ends: Sequence[Ended], not_sent: int) -> None:
    """Print how many ended how."""
    outcomes = Counter(end.outcome for end in ends)
    reviews = sum(bool(end.decision and end.decision.review_task_id) for end in ends)
    parts = [f"{count} {outcome}" for outcome, count in outcomes.most_common()]
    console.print(
        f"{len(ends)} uploads ended: {', '.join(parts) or 'none'}; "
        f"{reviews} review requests; {not_sent} not sent",
        soft_wrap=True,
    )
