"""Appeals: receive, show and decide them; never by the first reviewer of the track."""

from typing import Any, Final

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from streams.contract.records import Extent
from streams.contract.records.reviews import (
    DECIDED_STATES,
    PENDING_STATES,
    AppealOutcome,
    Appellant,
)
from streams.contract.vocabulary import STRICTNESS
from streams.policy.schema import CLEARING
from streams.services import appeal_files, appeals, wording
from streams.services.accounts import users
from streams.services.appeal_files import AppealFile, BadFile
from streams.services.appeals import APPELLANTS, GROUNDS, NEXT, BadAppeal, Step
from streams.store import appeal_files as file_store
from streams.store import appeals as appeal_store
from streams.store import queries
from streams.store import reviews as review_store
from streams.web.api.pages import Cursor, Id, Term
from streams.web.console import auth, waveform
from streams.web.console.audio import as_download
from streams.web.console.auth import (
    CanDecideAppeals,
    CanRead,
    CanReceiveAppeals,
    PageError,
    Visitor,
    number_in,
    text,
    texts,
)
from streams.web.console.render import fault_of

router = APIRouter()
PAGE: Final = 50


@router.get("/appeals")
def listed(visitor: CanRead, show: Term = "open", cursor: Cursor = None) -> Response:
    """List pending appeals, or decided ones."""
    ledger = visitor.views("appeals_seen").ledger
    part = appeal_store.listed(ledger, pending=show != "ended", limit=PAGE, cursor=cursor)
    blind = visitor.blind_among([one.track_id for one in part.rows])
    return visitor.page("appeals.html", part=part, blind=blind, show=show)


@router.get("/appeals/new")
def new(visitor: CanReceiveAppeals, decision: Term = "") -> Response:
    """Show the form for an appeal that came by mail or telephone."""
    if queries.decision(visitor.resources.ledger, decision_id=decision) is None:
        raise PageError(404, "There is no such decision.")
    return _new(visitor, decision)


@router.post("/appeals")
def receive(visitor: CanReceiveAppeals, form: auth.Form) -> Response:
    """Receive an appeal."""
    resources, decision_id = visitor.resources, text(form, "decision", 256)
    address = text(form, "evidence_uri", 4_000)
    appellant = {"type": text(form, "appellant", 40), "id": text(form, "appellant_id", 200)}
    try:
        received = appeals.receive(
            resources.ledger,
            decision_id,
            appellant=Appellant.model_validate(appellant),
            grounds=text(form, "grounds", 40),
            statement=text(form, "statement"),
            evidence=[{"type": "other", "uri": address}] if address else [],
            by=visitor.user.user_id,
        )
    except ValidationError:
        return _new(visitor, decision_id, "Say who appeals, on what grounds, and why.")
    except BadAppeal as error:
        return _new(visitor, decision_id, fault_of(error))
    resources.relay.wake()
    return RedirectResponse(f"/appeals/{received.appeal_id}", 303)


def _new(visitor: Visitor, decision_id: str, fault: str = "") -> Response:
    return visitor.page(
        "appeal_new.html", fault=fault,
        decision_id=decision_id, grounds=GROUNDS, appellants=APPELLANTS,
    )  # fmt: skip


@router.get("/appeals/{appeal_id}")
def appeal(appeal_id: Id, visitor: CanRead) -> Response:
    """Show an appeal: the decision, the statement against it, the steps since."""
    return _appeal(appeal_id, visitor)


@router.get("/appeals/files/{file_id}")
def download(file_id: Id, visitor: CanDecideAppeals) -> Response:
    """Return a file that was handed in, as a download that no browser opens by itself."""
    resources = visitor.views("appeal_file_opened", file_id)
    try:
        file, source = appeal_files.reading(resources.ledger, resources.evidence, file_id)
    except BadFile as error:
        raise PageError(404, error.text) from error
    return as_download(file, source)


@router.post("/appeals/{appeal_id}/step")
def step(appeal_id: Id, visitor: CanDecideAppeals, form: auth.Form) -> Response:
    """Move an appeal to its next state."""
    resources, state = visitor.resources, text(form, "state", 40)
    try:
        change = Step(
            state=state,  # type: ignore[arg-type] # advance refuses what is no step
            outcome=_outcome(form) if state in DECIDED_STATES else None,
            interim_relief={"on": True, "off": False}.get(text(form, "relief", 4)),
        )
        sequence = number_in(form, "sequence", 6, missing=-1)
        changed = appeals.advance(resources.ledger, appeal_id, sequence, change, visitor.user)
    except ValidationError:
        fault = "Say how much of it is AI, and give reasons that the appellant can follow."
        return _appeal(appeal_id, visitor, fault)
    except BadAppeal as error:
        return _appeal(appeal_id, visitor, fault_of(error))
    resources.relay.wake()
    return visitor.done(f"/appeals/{appeal_id}", f"Saved: {wording.words(changed.state)}.")


def _outcome(form: Any) -> AppealOutcome:
    extent = text(form, "extent", 10)
    return AppealOutcome(
        extent=Extent(extent) if extent in ("All", "Partly", "None") else None,
        findings=[one for one in CLEARING if one in texts(form, "finding")],
        reversed_dimensions=[one for one in STRICTNESS if one in texts(form, "reversed")],
        reasons=text(form, "reasons"),
    )


def _appeal(appeal_id: str, visitor: Visitor, fault: str = "") -> Response:
    resources = visitor.views("appeal_seen", appeal_id)
    with resources.ledger.reading() as connection:
        try:
            appeal = appeals.find(connection, appeal_id)
        except BadAppeal as error:
            raise PageError(404, "There is no such appeal.") from error
        changes = appeal_store.history(connection, appeal_id)
        excluded = appeal_store.reviewers(connection, appeal.track_id, appeal.content_sha256)
        fingerprint = review_store.fingerprint(connection, appeal.upload_id)
        handed_in = file_store.of_owner(connection, {"upload_id": appeal.upload_id})
    visitor.must_not_be_blind(appeal.track_id)
    decision = queries.decision(resources.ledger, decision_id=appeal.decision_id)
    return visitor.page(
        "appeal.html",
        appeal=appeal,
        changes=changes,
        last=next((one for one in reversed(changes) if one.outcome is not None), None),
        names=users.names(resources.ledger),
        decision=decision,
        current=queries.decision(resources.ledger, upload_id=appeal.upload_id),
        wave=waveform.of(resources, fingerprint, decision),
        steps=NEXT.get(appeal.state, ()),
        pending=appeal.state in PENDING_STATES,
        decided=DECIDED_STATES,
        findings=CLEARING,
        files=[AppealFile.of(row) for row in handed_in if row.appeal_id == appeal_id],
        of_files_listed=[appeal_files.ADDRESS + row.file_id for row in handed_in],
        may_open=visitor.may("appeals"),
        may_decide=visitor.may("appeals") and visitor.user.user_id not in excluded,
        excluded=visitor.user.user_id in excluded,
        fault=fault,
    )
