"""A ledger with some of everything."""

from streams.contract.records import Extent
from streams.services import reviews
from streams.services.accounts import keys
from streams.services.accounts.users import User
from streams.stages.ledger import project
from streams.store.database import Ledger
from tests.support.accounts import create_user
from tests.support.ledger_rows import letter
from tests.support.review_helpers import form
from tests.support.stories import a_task, tell


def filled(ledger: Ledger) -> User:
    ada = create_user(ledger, "Ada", "reviewer", "x" * 12)
    keys.create(ledger, "pipeline", "ingest", ada.user_id)
    task_id = a_task(ledger, title="NUL \0 and 🎵")
    tell(ledger, "T-2")
    project(ledger, [letter(b"\x00\xff not a record"), letter(None)])
    reviews.take(ledger, task_id, ada)
    reviews.give(ledger, task_id, ada, form(Extent.NONE, training_use_allowed=True))
    return ada
