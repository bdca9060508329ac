"""Which texts are mail addresses."""

import pytest

from streams.contract.mail_addresses import is_mail_address


@pytest.mark.parametrize(
    "text", ["desk@label.example", "a.b+c@x-y.example.org", "o'neill@xn--mller-kva.example"]
)
def test_addresses_are_accepted(text: str) -> None:
    assert is_mail_address(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "desk", "desk@", "@label.example", "desk@label", "a@b@c.example", ".a@b.example"),
        *("a..b@c.example", "a.@b.example", "a@-b.example", "a@b..example", "a b@c.example"),
        *("a@b.example\n", "a@b.example\r\nBcc: x@y.example", "A <a@b.example>", "a@b.example,c"),
        *("müller@label.example", "a@müller.example", "a\0@b.example", "a" * 65 + "@b.example"),
        f"a@{'b.' * 130}example",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    assert not is_mail_address(text)
