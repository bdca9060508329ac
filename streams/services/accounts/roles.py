"""Roles and what each may do. A route names one right; the server checks it, pages follow."""

from enum import StrEnum
from typing import Final


class Right(StrEnum):
    """What one may be allowed to do."""

    READ = "read"  # tracks, decisions, evidence, queue
    UPLOAD = "upload"  # hand in a track
    REVIEW = "review"  # take tasks, give verdicts
    APPEAL_INTAKE = "appeal_intake"  # hand in an appeal of another person
    LINKS = "links"  # make and revoke the links of artists
    APPEALS = "appeals"  # decide about appeals, undo the verdicts of others
    QUALITY = "quality"  # golden tracks, second reviews, figures about reviewers
    POLICY = "policy"  # policy and model versions, rights
    ADMIN = "admin"  # users, keys, webhooks, dead letters, the audit log


class Role(StrEnum):
    """The role of a person or of a key."""

    VIEWER = "viewer"
    REVIEWER = "reviewer"
    LEAD = "lead"
    POLICY = "policy"
    ADMIN = "admin"
    INGEST = "ingest"  # for API keys of the pipeline


_REVIEWER: Final = frozenset({Right.READ, Right.UPLOAD, Right.REVIEW})
RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    Role.VIEWER: frozenset({Right.READ}),
    Role.REVIEWER: _REVIEWER,
    Role.LEAD: _REVIEWER | {Right.APPEAL_INTAKE, Right.LINKS, Right.APPEALS, Right.QUALITY},
    Role.POLICY: frozenset({Right.READ, Right.UPLOAD, Right.QUALITY, Right.POLICY}),
    Role.ADMIN: frozenset(Right),
    Role.INGEST: frozenset({Right.READ, Right.UPLOAD, Right.APPEAL_INTAKE, Right.LINKS}),
}
PEOPLE: Final = (Role.VIEWER, Role.REVIEWER, Role.LEAD, Role.POLICY, Role.ADMIN)


def rights_of(role: str) -> frozenset[Right]:
    """Return what a role may do; nothing, where it is not known (any more)."""
    return RIGHTS[Role(role)] if role in set(Role) else frozenset()
