"""Admin: users, API keys, webhooks, versions, the audit log."""

from datetime import UTC, datetime, timedelta
from functools import partial

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from streams.contract.topics import STATEMENTS_WRITTEN
from streams.services import webhooks
from streams.services.accounts import keys, sessions, users
from streams.services.accounts.roles import PEOPLE, Role
from streams.services.accounts.users import AccountError
from streams.services.webhooks import BadWebhook
from streams.store import audit, queries
from streams.store import webhooks as webhook_store
from streams.store.webhooks import EVENTS
from streams.web.api.pages import Cursor, Id, Term
from streams.web.console import auth
from streams.web.console.auth import CanAdmin, CanReadPolicy, Visitor, text, texts
from streams.web.console.render import fault_of

router = APIRouter()
PAGE = 100
COUNTED_S = 60.0  # how long a count of all decisions is good for


@router.get("/admin")
def show_users(visitor: CanAdmin) -> Response:
    """Show the accounts."""
    return _users(visitor)


@router.post("/admin/users")
def create_user(visitor: CanAdmin, form: auth.Form) -> Response:
    """Add a user; the page shows a one-time link to pass on."""
    ledger, by = visitor.resources.ledger, visitor.user.user_id
    name, role = text(form, "name", 200), text(form, "role", 20)
    try:
        token = sessions.invite(ledger, name, role, by)
    except AccountError as error:
        return _users(visitor, fault=fault_of(error))
    return _users(visitor, token=token, about=name)


@router.post("/admin/users/{user_id}")
def change_user(user_id: Id, visitor: CanAdmin, form: auth.Form) -> Response:
    """Change a user's role, close or open the account, or make a new one-time link."""
    ledger, by = visitor.resources.ledger, visitor.user.user_id
    try:
        if text(form, "what") == "link":
            user, token = sessions.link(ledger, user_id, by)
            return _users(visitor, token=token, about=user.name)
        role, active = text(form, "role", 20), text(form, "active") == "on"
        users.change(ledger, user_id, role=role, active=active, by=by)
    except AccountError as error:
        return _users(visitor, fault=fault_of(error))
    return RedirectResponse("/admin", 303)


def _users(visitor: Visitor, *, token: str = "", about: str = "", fault: str = "") -> Response:
    ledger = visitor.views("users_seen").ledger
    link = f"{visitor.request.app.state.address}/enter/{token}" if token else ""
    return visitor.page("admin_users.html", fault=fault,
        users=users.everybody(ledger), roles=PEOPLE, link=link, about=about,
    )  # fmt: skip


@router.get("/admin/keys")
def show_keys(visitor: CanAdmin) -> Response:
    """Show the API keys."""
    return _keys(visitor)


@router.post("/admin/keys")
def create_key(visitor: CanAdmin, form: auth.Form) -> Response:
    """Create a key; the page shows it, once."""
    name, role = text(form, "name", 200), text(form, "role", 20)
    try:
        secret = keys.create(
            *(visitor.resources.ledger, name, role, visitor.user.user_id),
            distributors=text(form, "distributors", 30_000).splitlines(),
            uploads_per_hour=auth.number_in(form, "uploads_per_hour", 9) or None,
        )
    except AccountError as error:
        return _keys(visitor, fault=fault_of(error))
    return _keys(visitor, secret=secret)


@router.post("/admin/keys/{key_id}/revoke")
def revoke_key(key_id: Id, visitor: CanAdmin, form: auth.Form) -> Response:
    """Revoke a key."""
    keys.revoke(visitor.resources.ledger, key_id, visitor.user.user_id)
    return RedirectResponse("/admin/keys", 303)


def _keys(visitor: Visitor, *, secret: str = "", fault: str = "") -> Response:
    ledger = visitor.views("keys_seen").ledger
    return visitor.page("admin_keys.html", fault=fault, secret=secret,
        keys=keys.all_keys(ledger), roles=list(Role), names=users.names(ledger),
    )  # fmt: skip


@router.get("/admin/webhooks")
def show_webhooks(visitor: CanAdmin, cursor: Cursor = None) -> Response:
    """Show the webhooks and their failed deliveries."""
    return _webhooks(visitor, cursor=cursor)


@router.post("/admin/webhooks")
def create_webhook(visitor: CanAdmin, form: auth.Form) -> Response:
    """Add a webhook; the page shows its secret, once."""
    url, events = text(form, "url", 2_000), texts(form, "event")
    distributor = text(form, "distributor", 256) or None
    if distributor:
        events = (STATEMENTS_WRITTEN,)
    ledger, by = visitor.resources.ledger, visitor.user.user_id
    try:
        _, secret = webhooks.create(ledger, url, events, by, distributor)
    except BadWebhook as error:
        return _webhooks(visitor, fault=fault_of(error))
    return _webhooks(visitor, secret=secret)


@router.post("/admin/webhooks/{webhook_id}")
def change_webhook(webhook_id: Id, visitor: CanAdmin, form: auth.Form) -> Response:
    """Remove a webhook, or post its deliveries of the last day again."""
    ledger, by = visitor.resources.ledger, visitor.user.user_id
    if text(form, "what") == "end":
        webhooks.end(ledger, webhook_id, by)
    else:
        webhooks.replay(ledger, webhook_id, datetime.now(UTC) - timedelta(days=1), by)
    return RedirectResponse("/admin/webhooks", 303)


def _webhooks(
    visitor: Visitor, *, cursor: str | None = None, secret: str = "", fault: str = ""
) -> Response:
    ledger = visitor.views("webhooks_seen").ledger
    return visitor.page("admin_webhooks.html", fault=fault, secret=secret, events=EVENTS,
        hooks=webhooks.all_webhooks(ledger), counted=webhook_store.counts(ledger),
        part=webhook_store.failed(ledger, cursor, PAGE),
    )  # fmt: skip


@router.get("/admin/versions")
def versions(visitor: CanReadPolicy) -> Response:
    """Show the models and policies that have decided, and the configured ones."""
    resources = visitor.views("versions_seen")
    versions_of = partial(queries.versions, resources.ledger)
    by_kind = resources.cache.get(
        "versions", lambda: {"model": versions_of("model"), "policy": versions_of("policy")},
        COUNTED_S,
    )  # fmt: skip
    return visitor.page("admin_versions.html", by_kind=by_kind, settings=resources.settings)


@router.get("/admin/audit")
def audit_log(visitor: CanAdmin, cursor: Cursor = None, subject: Term = "") -> Response:
    """Show the audit log, latest first."""
    ledger = visitor.views("audit_seen", subject).ledger
    names = users.names(ledger)
    part = audit.listed(ledger, subject, cursor, PAGE)
    return visitor.page("admin_audit.html", part=part, names=names, subject=subject)
