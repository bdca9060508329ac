"""What a message gives, in words and as JSON."""

from streams.contract.records import DdexMessage
from streams.services.ddex.delivery import MAX_NAME, MAX_NAMED, Delivery, Withdrawal, listed
from streams.services.ddex.territories import Places

MESSAGE = DdexMessage(message_id="M-1", ern_version="4.3.2", sender_dpid="PADPIDA")


def test_many_names_are_counted_and_long_ones_cut() -> None:
    assert listed(["A1", "A2"]) == "A1, A2"
    names = ["x" * 1_000] * (MAX_NAMED + 3)
    assert listed(names).endswith("and 3 more")
    assert len(listed(names)) < MAX_NAMED * (MAX_NAME + 2) + 20


def test_nothing_is_passed_over_without_a_word() -> None:
    delivery = Delivery(MESSAGE, "NewReleaseMessage", notes=["a name \udcff"])
    delivery.pass_over("Video", "A8")
    delivery.pass_over("Video", "A9")
    delivery.pass_over("Image")
    delivery.withdrawn.append(Withdrawal("taken down", Places(("DE",)), {"upc": "1"}, ("T-1",)))
    lines = delivery.sentences()
    assert lines[:3] == [
        "NewReleaseMessage M-1, ERN 4.3.2: 0 uploads",
        "passed over: Video: 2 (A8, A9)",
        "withdrawn by its deliverer: upc 1 (taken down, DE), tracks T-1",
    ]
    assert lines[3].encode()
    data = delivery.as_data()
    assert (data["passed_over"], data["withdrawn"][0]["track_ids"]) == (
        {"Video": ["A8", "A9"]},
        ["T-1"],
    )
