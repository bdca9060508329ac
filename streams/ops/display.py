"""What ``up`` and ``submit`` print: one line for each end, a summary at the end."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.text import Text

from streams.contract.records import Actions
from streams.ops.inputs import Skipped
from streams.ops.watch import Ended

COLOURS: Final = {
    "ai_likely": "magenta",
    "human_likely": "green",
    "uncertain": "yellow",
    "not_assessable": "cyan",
    "dead letter": "red",
}
HEADER: Final = f"{'outcome':14} {'p(AI)':>6} {'extent':8} {'seconds':>7}  track and actions"


def restrictions(actions: Actions) -> dict[str, str]:
    """Return the dimensions that differ from "nothing is done"."""
    nothing = Actions().model_dump()
    return {name: value for name, value in actions.model_dump().items() if value != nothing[name]}


def line(name: str, ended: Ended, seconds: float) -> Text:
    """Return the line of one end."""
    if ended.decision is None:
        letter = ended.dead_letter
        reason = f"{letter.reason}: {letter.detail}" if letter else "no reason given"
        text = Text(f"{'dead letter':14} {'':6} {'':8} {seconds:7.1f}  {name}: {reason}")
    else:
        decision = ended.decision
        analysis = decision.analysis
        probability = "" if analysis.probability is None else f"{analysis.probability:.3f}"
        done = [f"{key}={value}" for key, value in restrictions(decision.actions).items()]
        if decision.label.licensed:
            done.append(f"licensed ({decision.label.agreement_id})")
        if decision.review_task_id:
            done.append("review requested")
        if analysis.reason:
            done.append(analysis.reason)
        text = Text(
            f"{analysis.outcome.value:14} {probability:>6} {decision.label.extent.value:8} "
            f"{seconds:7.1f}  {name}" + (f": {', '.join(done)}" if done else "")
        )
        if name != decision.track_id:  # by which `show` and `policy explain` know it
            text.append(f"  {decision.track_id}", "dim")
    outcome = ended.decision.analysis.outcome.value if ended.decision else "dead letter"
    text.stylize(COLOURS[outcome], 0, 14)
    return text


def skipped_line(item: Skipped) -> Text:
    """Return the line of something that was named and not sent."""
    return Text(f"not sent: {item.path}: {item.detail} ({item.reason})", style="dim")


def summary(console: Console, ends: Sequence[Ended], not_sent: int) -> None:
    """Print how many ended how."""
    outcomes = Counter(
        end.decision.analysis.outcome.value if end.decision else "dead letter" for end in ends
    )
    reviews = sum(1 for end in ends if end.decision and end.decision.review_task_id)
    parts = [f"{count} {outcome}" for outcome, count in outcomes.most_common()]
    console.print(
        f"{len(ends)} uploads ended: {', '.join(parts) or 'none'}; "
        f"{reviews} review requests; {not_sent} not sent",
        soft_wrap=True,
    )
