"""YAML without surprises, and the place of everything in it."""

import pytest

from streams.policy.source_map import MAX_DEPTH, YamlSubsetError, read


def test_words_and_days_are_texts() -> None:
    source = read("{a: no, b: 2026-01-01, c: 0x10, d: true, e: 1.5, f: 7, g: }")
    expected = {"a": "no", "b": "2026-01-01", "c": "0x10", "d": True, "e": 1.5, "f": 7, "g": None}
    assert source.data == expected


def test_every_key_and_every_sign_of_a_text_has_its_place() -> None:
    source = read("rules:\n  - id: one\n    when: |\n      first\n      && second\n  - 'word'\n")
    assert source.place(("rules", 0, "id")) == (2, 5)
    assert source.place(("rules", 0, "when"), len("first\n&& ")) == (5, 10)
    assert source.place(("rules", 1), 2) == (6, 8), "after the quotation mark"
    assert source.place(("rules", 0, "absent", "too")) == (2, 5), "of what encloses it"
    assert read("").place(("rules",)) == (1, 1)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("a: &x 1\nb: *x", (2, 4)),
        ("a: 1\na: 2", (2, 1)),
        ("a: !!python/name:os.system x", (1, 4)),
        ("[a]: 1", (1, 1)),
        ("a: [", (2, 1)),
        ("a: \0", (1, 1)),
        ("a: \ud800", (1, 1)),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), (1, MAX_DEPTH + 1)),
    ],
)
def test_what_surprises_is_refused_with_its_place(text: str, at: tuple[int, int]) -> None:
    with pytest.raises(YamlSubsetError) as caught:
        read(text)
    assert (caught.value.line, caught.value.column) == at
