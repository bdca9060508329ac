"""Roles."""

from streams.services.accounts.roles import PEOPLE, RIGHTS, Right, Role, rights_of


def test_each_role_of_people_may_do_at_least_what_a_viewer_may() -> None:
    for role in PEOPLE:
        assert RIGHTS[Role.VIEWER] <= RIGHTS[role]
    assert rights_of("emperor") == frozenset()
    assert rights_of("admin") == frozenset(Right)
