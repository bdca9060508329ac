"""Admin: where statements of reasons go by mail, and those that could not be delivered."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from streams.contract.translations import languages
from streams.services import statement_delivery
from streams.services.accounts import users
from streams.services.statement_delivery import BadDelivery
from streams.store import statement_deliveries as deliveries
from streams.web.api.pages import Cursor
from streams.web.console import auth
from streams.web.console.auth import CanAdmin, Visitor, text, texts
from streams.web.console.render import fault_of

router = APIRouter()
PAGE: Final = 50
PATH: Final = "/admin/statements"


@router.get(PATH)
def show(visitor: CanAdmin, cursor: Cursor = None) -> Response:
    """Show the addresses, and what could not be delivered."""
    return _shown(visitor, cursor)


def _shown(visitor: Visitor, cursor: str | None = None, fault: str = "") -> Response:
    ledger = visitor.views("statement_addresses_seen").ledger
    return visitor.page(
        "admin_statements.html", fault=fault, languages=languages(),
        addresses=deliveries.addresses(ledger), names=users.names(ledger),
        part=deliveries.listed(ledger, cursor, PAGE, states=deliveries.UNDELIVERED),
    )  # fmt: skip


@router.post(PATH)
def set_address(visitor: CanAdmin, form: auth.Form) -> Response:
    """Set where statements about a distributor's uploads go."""
    distributor = text(form, "distributor", 300)
    try:
        statement_delivery.set_address(
            *(visitor.resources.ledger, distributor, text(form, "address", 400)),
            language=text(form, "language", 10),
            digest=text(form, "digest", 4) == "on",
            by=visitor.user.user_id,
        )
    except BadDelivery as error:
        return _shown(visitor, fault=fault_of(error))
    return visitor.done(PATH, f"The address of {distributor} is set.")


@router.post(f"{PATH}/remove")
def remove_address(visitor: CanAdmin, form: auth.Form) -> Response:
    """Forget the address of a distributor, in past deliveries too."""
    distributor = text(form, "distributor", 300)
    try:
        statement_delivery.remove_address(
            visitor.resources.ledger, distributor, by=visitor.user.user_id
        )
    except BadDelivery as error:
        return _shown(visitor, fault=fault_of(error))
    return visitor.done(PATH, f"The address of {distributor} is forgotten.")


@router.post(f"{PATH}/resend")
def resend(visitor: CanAdmin, form: auth.Form) -> Response:
    """Deliver the chosen statements again."""
    chosen = texts(form, "statement")[:PAGE]
    try:
        statement_delivery.resend(visitor.resources.ledger, chosen, by=visitor.user.user_id)
    except BadDelivery as error:
        return _shown(visitor, fault=fault_of(error))
    return visitor.done(PATH, f"{len(chosen)} will be sent.")
