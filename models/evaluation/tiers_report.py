"""The figures of ``models.evaluation.tiers`` as blocks, for the card and the terminal."""

from typing import Any, Final

from models.evaluation.document import Block, Heading, Table, between, percent

_TIERS: Final = ("suspected", "identified")
_MEASURED: Final = {"human": "origin unknown", "known": "known", "unseen": "unseen"}
_HEAD: Final = (
    "measured as", "tracks", "abstained", "origins",
    "suspected at 1 %", "95 %", "mean of origins",
    "identified at 0.1 %", "95 %", "no trace",
)  # fmt: skip


def blocks(figures: dict[str, Any]) -> list[Block]:
    """Return the part of the card about both tiers."""
    return [
        Heading("Both tiers, known and unseen"),
        _how(figures),
        _asked(figures["asked"]),
        _verdict(figures["asked"]),
        Table(
            ("generator", *_HEAD),
            [
                [maker, *_cells(one[name], name)]
                for maker, one in {**figures["generators"], "all": figures["all"]}.items()
                for name in ("known", "unseen")
            ],
        ),
        Table(
            ("people's music", *_HEAD),
            [[kind, *_cells(one, "human")] for kind, one in figures["kinds"].items()],
        ),
    ]


def _how(figures: dict[str, Any]) -> str:
    learned = figures["learned_of"]
    return (
        "At 44.1 kHz and up: the released model, less what it learned of the tracks judged. "
        "*Unseen*: nothing of the generator and of its repositories was learned. *Known*: its "
        "tracks of other repositories were, where these are three or more, else its other tracks "
        "less a tenth. The track itself never was. Templates are averaged anew, and families are "
        f"fitted anew on {learned['ai']} AI tracks and {learned['human']} recordings of people, "
        "all as they are. `CARD.md` has the unseen figures of the release, which learned of "
        "deliveries (coded, cut), too. Which rates of the clock belong to known generators stays "
        "as released. *People's music* is from the release, each recording without its repository. "
        "Intervals resample generators, one generator's repositories, or sources; where these are "
        "one or all alike, and for kinds of music, they are of the count. Abstentions count as not "
        "found. *No trace* is the number of tracks with that outcome."
    )


def _asked(rows: list[dict[str, Any]]) -> Table:
    return Table(
        ("asked for", *_HEAD, "suspected, asked", "identified, asked"),
        [[one["title"], *_cells(one, one["measured"]), *_asked_shares(one)] for one in rows],
    )


def _asked_shares(row: dict[str, Any]) -> list[str]:
    sign = "at most" if row["measured"] == "human" else "at least"
    shares = [row["asked"][tier] for tier in _TIERS]
    return ["-" if share is None else f"{sign} {percent(share)}" for share in shares]


def _cells(row: dict[str, Any], measured: str) -> list[str]:
    suspected, identified = (f"{row[tier]} ({percent(_share(row, tier))})" for tier in _TIERS)
    return [
        _MEASURED[measured],
        str(row["tracks"]),
        str(row["abstained"]),
        str(row["origins"]),
        suspected,
        between(row["suspected_interval"]),
        percent(row["suspected_mean"]),
        identified,
        between(row["identified_interval"]),
        "-" if row["no_trace"] is None else str(row["no_trace"]),
    ]


def _share(row: dict[str, Any], tier: str) -> float:
    return float(row[tier] / max(row["tracks"], 1))


def _verdict(rows: list[dict[str, Any]]) -> str:
    missed = []
    for row in rows:
        human = row["measured"] == "human"
        for tier in _TIERS:
            share, asked = _share(row, tier), row["asked"][tier]
            if asked is None or (share <= asked if human else share >= asked):
                continue
            points = f"{100 * abs(share - asked):.1f} points too {'many' if human else 'few'}"
            missed.append(f"{row['title']}: {tier} {percent(share)}, {points}")
    return f"Not met: {'; '.join(missed)}." if missed else "All of it is met."
