"""Tokens are random, fit for a URL, and stored as a hash."""

import re

from streams.services.accounts.tokens import hashed, new_id, new_token


def test_tokens_are_long_fit_for_a_url_and_never_the_same() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    for token in tokens:
        assert re.fullmatch(r"[\w-]{43}", token), "256 bits"


def test_a_hash_is_of_one_token_and_does_not_contain_it() -> None:
    assert hashed("a") == hashed("a") != hashed("b")
    assert re.fullmatch(r"[0-9a-f]{64}", hashed(new_token()))
    assert hashed("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_an_id_has_its_prefix_and_is_never_the_same() -> None:
    ids = {new_id("usr") for _ in range(100)}
    assert len(ids) == 100
    assert all(re.fullmatch(r"usr_[0-9a-f]{24}", one) for one in ids)
