"""The policy in use: a wrong bundle changes nothing."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy

from streams.contract import topics
from streams.contract.records import PolicyRef
from streams.contract.records.policy import PolicyChanged
from streams.policy.bundle import BundleError, parse
from streams.runtime.settings import Settings
from streams.services.policies import publishing
from streams.stages.ledger import project
from streams.store import policy_releases
from streams.store.database import Ledger
from streams.store.policy_releases import Policies, live_bundles, text_of, version_of
from tests.support.events import message, policy_changed
from tests.support.publishing_helpers import NOW, text_with


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_releases, "LOOK_S", -1.0)


def tell(ledger: Ledger, *changes: PolicyChanged) -> None:
    project(ledger, [message(topics.POLICIES_CHANGED, one) for one in changes])


def published(version: str, state: str = "live", **more: object) -> PolicyChanged:
    text = text_with("shadow", version)
    fields = {"change_id": f"pol_{version}_{state}", "policy": parse(text, "p").ref, "text": text}
    return policy_changed(state=state, **fields | more)


def test_of_the_published_bundles_the_highest_version_that_is_live_counts(
    ledger: Ledger, quick: None
) -> None:
    policies = Policies(Settings().policy, ledger)
    ours = policies.current()
    name = ours.name
    assert live_bundles(ledger, name) == []
    tell(ledger, published("3.9.0"), published("3.10.0"), published("4.0.0", "proposed"))
    assert policies.current().version == "3.10.0", "versions are numbers, not texts"
    assert live_bundles(ledger, "another") == []
    tell(ledger, published("0.0.1"))
    assert policies.current().version == "3.10.0", "nothing goes back by itself"
    later = NOW + timedelta(minutes=1)
    tell(ledger, published("3.10.0", "withdrawn", text=None, changed_at=later))
    live = live_bundles(ledger, name)
    assert [one.policy.version for one in live] == ["3.9.0", "0.0.1"]


def test_the_text_of_a_published_bundle_is_found_by_its_digest(ledger: Ledger) -> None:
    change = published("3.0.0")
    tell(ledger, change)
    assert text_of(ledger, change.policy.digest) == (change.policy.name, change.text)
    assert text_of(ledger, "0" * 64) is None


@pytest.mark.parametrize("version", ["x", "", "3", "3.0.x", "9" * 200, "99.0.0", "\u0663.0.0"])
def test_a_bundle_that_cannot_be_used_hides_no_other(
    ledger: Ledger, quick: None, version: str
) -> None:
    policies = Policies(Settings().policy, ledger)
    before = policies.current()
    forged = PolicyRef(name=before.name, version=version, digest="f" * 64)
    tell(ledger, published("3.0.0", change_id="pol_forged", policy=forged))
    assert policies.current() is before
    assert publishing.running(Settings(), ledger).digest == before.digest
    tell(ledger, published("3.1.0"))
    assert policies.current().version == "3.1.0"
    assert publishing.running(Settings(), ledger).version == "3.1.0"
    tell(ledger, published("3.2.0"))
    assert policies.current().version == "3.2.0"


@pytest.mark.parametrize(("lower", "higher"), [("1.9", "1.10"), ("1.9.9", "2.0"), ("2.0", "2.0.1")])
def test_versions_are_compared_by_number(lower: str, higher: str) -> None:
    assert version_of(lower) < version_of(higher)


def test_a_ledger_that_does_not_answer_leaves_the_running_policy(
    ledger: Ledger, quick: None
) -> None:
    policies = Policies(Settings().policy, ledger)
    before = policies.current()
    with ledger.transaction() as connection:
        connection.execute(sqlalchemy.text("ALTER TABLE policies RENAME TO elsewhere"))
    assert policies.current() is before


def test_a_wrong_bundle_changes_nothing(ledger: Ledger, quick: None) -> None:
    policies = Policies(Settings().policy, ledger)
    before = policies.current()
    wrong = text_with("live", "3.0.0").replace('"All"\n    actions: {recommendation', '"Al"\n    x')
    good = parse(text_with("shadow", "3.0.0"), "p")
    for text, digest in ((wrong, good.digest), (text_with("shadow", "3.0.0"), "0" * 64)):
        tell(
            ledger,
            PolicyChanged(
                change_id=f"pol_{digest[:4]}",
                kind="bundle",
                policy=good.ref.model_copy(update={"digest": digest}),
                state="live",
                text=text,
                changed_by="somebody",
                changed_at=NOW,
            ),
        )
        assert policies.current() is before
    with pytest.raises(BundleError):
        Policies(Path("/nowhere/policy.yaml"), ledger)
