"""What rightsholders hand in, by the page or by the API: choices with a proof of authority."""

from typing import Final

from streams.services import rights_choices, rights_drafts, rightsholders
from streams.services.rights_requests import RightsRequest
from streams.services.signed_links import RightsholderLink
from streams.web.api.callers import RateLimit
from streams.web.artist.forms import HandedIn
from streams.web.artist.guests import Guest
from streams.web.artist.handing_in import Act

PREVIEWS_PER_MINUTE: Final = 10  # of one rightsholder, in one process
FIELDS: Final = (
    *("kind", "name", "use", "permission", "territories", "valid_from", "valid_until"),
    *("condition", "proof"),
)


def keep_pace(guest: Guest[RightsholderLink]) -> None:
    """End the request with 429 where a rightsholder asks for previews too often: each computes."""
    limit: RateLimit = guest.request.app.state.preview_limit
    limit.take(guest.link.rightsholder_id, "previews")


def choose(guest: Guest[RightsholderLink], form: HandedIn) -> RightsRequest:
    """Make a draft of a choice; ``thing`` is kind and name in one, as the page sends them."""
    resources = guest.resources
    kind, _, name = form.text("thing", 400).partition(":")
    with resources.ledger.reading() as connection:
        holder = rightsholders.find(connection, guest.link.rightsholder_id)
        theirs, _ = rightsholders.holdings(connection, holder)
    choice = rights_choices.choice_of(
        theirs,
        kind=kind or form.text("kind", 40),
        name=name or form.text("name", 256),
        uses=form.texts.get("use", ()),
        permission=form.text("permission", 40),
        territories=form.text("territories", 2_000),
        valid_from=form.text("valid_from", 20),
        valid_until=form.text("valid_until", 20),
        condition=form.text("condition"),
    )
    proof = form.text("proof")
    return rights_drafts.draft(resources.ledger, resources.policy(), guest.link, choice, proof)


def take_back(entry_id: str) -> Act[RightsholderLink, RightsRequest]:
    """Return what makes a draft that takes an earlier choice back."""

    def act(guest: Guest[RightsholderLink], form: HandedIn) -> RightsRequest:
        resources = guest.resources
        choice = rights_drafts.take_back(resources.ledger, guest.link, entry_id)
        return rights_drafts.draft(
            resources.ledger, resources.policy(), guest.link, choice, form.text("proof")
        )

    return act
