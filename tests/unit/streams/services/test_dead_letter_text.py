"""Dead letters as text for a terminal."""

from streams.contract import topics
from streams.contract.dead_letters import Message
from streams.services import dead_letter_text
from streams.services.dead_letters import Operator, drop
from streams.stages.ledger import project
from streams.store import dead_letter_store
from streams.store.database import Ledger
from tests.support.buried import NOW, buried, narrated, stored


def test_a_terminal_is_only_printed_to(ledger: Ledger) -> None:
    hostile = Message(
        topics.UPLOADED,
        0,
        0,
        b"T\x1b[31m",
        b'{"a": "\x1b]0;owned\x07"}',
        (("\x1bh", b"\x07"),),
        NOW,
    )
    project(ledger, [buried(hostile)])
    (letter,) = stored(ledger)
    drop(ledger, [letter], Operator("me\x1b", "\x07"))
    done = dead_letter_store.actions(ledger, letter.dead_letter_id)
    lines = [*dead_letter_text.shown(letter, done), *narrated(ledger, "T\x1b[31m")]
    assert not [char for line in lines for char in line if not (char.isprintable() or char == "\n")]
    assert any("dropped by me" in line for line in lines)
