"""Files that are only checked."""

from pathlib import Path

from tests.support.console import Console
from tests.support.stories import tell


def test_a_checked_file_does_not_pass_for_a_delivery(console: Console) -> None:
    """Else an uploader could have another's track decided again, by other audio."""
    tell(console.resources.ledger, "T-1")
    browser = console.browser("policy")
    headers = {"X-CSRF-Token": browser.csrf, "Sec-Fetch-Site": "same-origin"}

    def check(metadata: str) -> int:
        files = {"file": ("a.wav", b"RIFF and more")}
        data = {"metadata": metadata}
        status: int = browser.post("/check", files=files, data=data, headers=headers).status_code
        return status

    for metadata in ('{"track_id": "T-1"}', '{"distributor": "D"}', '{"uri": "file:///x"}'):
        assert check(metadata) == 422, metadata
    assert [
        part for part in Path(console.resources.uploads.root).rglob("*") if part.is_file()
    ] == []
    assert check('{"declared": {"contains_ai": "None"}}') == 202
    assert check("{") == 400
