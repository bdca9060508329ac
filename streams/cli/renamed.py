"""Old spellings of the command line, accepted for one release."""

import sys
from typing import Any, Final

from typer.core import TyperGroup

COMMANDS: Final = {
    ("bank", "follow"): ("bank", "replicate"),
    ("dlq",): ("dead-letters",),
    ("ledger", "forget"): ("ledger", "erase"),
    ("ledger", "reviewed"): ("ledger", "export-training-labels"),
    ("link",): ("users", "login-link"),
    ("outcomes",): ("predict",),
    ("recognition",): ("evaluate-matching",),
    ("topics", "rewind"): ("groups", "reset-offsets"),
}
OPTIONS: Final = {"dead-letters": {"--standing": "--status", "--who": "--by"}}
DDEX: Final = ("in", "out")
SWITCHED: Final = {"off": "disable", "on": "enable"}


def current_spelling(words: list[str]) -> list[str]:
    """Return a command line in the verbs and options of this release."""
    for old, new in COMMANDS.items():
        if tuple(words[: len(old)]) == old:
            words = [*new, *words[len(old) :]]
    if words[:2] == ["policy", "switch"]:
        position = next((word for word in words[2:] if word in SWITCHED), None)
        if position is not None:
            rest = words[2:]
            rest.remove(position)
            words = ["policy", SWITCHED[position], *rest]
    if words[:1] == ["ddex"] and words[1:] and words[1] not in DDEX and words[1][:1] != "-":
        words = ["ddex", "in", *words[1:]]
    if words[:1] == ["statements"] and words[1:2] != ["--help"] and _is_bare(words):
        words = ["statements", "export", *words[1:]]
    options = OPTIONS.get(words[0], {}) if words else {}
    return [_renamed(word, options) for word in words]


def _is_bare(words: list[str]) -> bool:
    """Return whether no verb follows the noun."""
    return not words[1:] or words[1].startswith("-")


def _renamed(word: str, options: dict[str, str]) -> str:
    name, equals, value = word.partition("=")
    return options.get(name, name) + equals + value


class Renamed(TyperGroup):
    """The group of all commands; it warns about an old spelling and obeys."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words in the spelling of this release."""
        current = current_spelling(list(args))
        if current != args:
            sys.stderr.write(f"earmark: this is now `earmark {' '.join(current)}`\n")
        return super().parse_args(ctx, current)
