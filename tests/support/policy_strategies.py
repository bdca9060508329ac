"""Conditions, rules and snapshots for tests of properties."""

from typing import Any

from hypothesis import strategies as st

from streams.contract.vocabulary import STRICTNESS
from streams.policy.features import snapshot
from streams.policy.schema import FEATURES, Kind, Value
from tests.support.policies import HUMAN, bundle, rule


def some(feature: str) -> st.SearchStrategy[Any]:
    """Values of a feature, as a condition would write them."""
    item = FEATURES[feature]
    match item.kind:
        case Kind.BOOL:
            return st.booleans()
        case Kind.NUMBER:
            return st.sampled_from([0.0, 0.01, 0.5, 0.6, 0.95, 1.0, 2.0, 3.0])
        case Kind.TEXT:
            return st.sampled_from(item.values or ("acme", "songmaker"))
        case _:
            return st.sampled_from(item.values or ("DE", "songmaker"))


@st.composite
def atoms(draw: st.DrawFn) -> str:
    """A comparison over any feature."""
    name = draw(st.sampled_from(sorted(FEATURES)))
    value = draw(some(name))
    match FEATURES[name].kind:
        case Kind.BOOL:
            return name if value else f"!{name}"
        case Kind.NUMBER:
            return f"{name} {draw(st.sampled_from(['<', '<=', '>', '>=', '==']))} {value}"
        case Kind.TEXT:
            return f"{name} {draw(st.sampled_from(['==', '!=']))} '{value}'"
        case _:
            return f"'{value}' in {name}"


conditions = st.recursive(
    atoms(),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda two: f"({two[0]} && {two[1]})"),
        st.tuples(inner, inner).map(lambda two: f"({two[0]} || {two[1]})"),
        inner.map(lambda one: f"!({one})"),
    ),
    max_leaves=4,
)
actions = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(order) for name, order in STRICTNESS.items()}
)
rules = st.builds(
    lambda when, actions, priority, human, missing, mode, despite: rule(
        when=when,
        actions=actions,
        priority=priority,
        on_missing=missing,
        mode=mode,
        despite_licence=despite,
        **(HUMAN if human else {}),
    ),
    conditions,
    actions,
    st.integers(0, 3),
    st.booleans(),
    st.sampled_from(["skip", "match"]),
    st.sampled_from(["live", "live", "canary 50%", "shadow"]),
    st.booleans(),
)


@st.composite
def loadable_rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rules of which each loads by itself; ids are their places."""
    result: list[dict[str, Any]] = []
    for given_rule in draw(st.lists(rules, min_size=1, max_size=5)):
        numbered = given_rule | {"id": f"r{len(result)}"}
        try:
            bundle(numbered)
        except ValueError:
            continue
        result.append(numbered)
    return result or [rule()]


@st.composite
def snapshots(draw: st.DrawFn) -> dict[str, Value]:
    """Any snapshot of the schema, known or not."""
    values: dict[str, Any] = {}
    for name, feature in FEATURES.items():
        if not draw(st.booleans()):
            continue
        if feature.kind is Kind.TEXTS:
            values[name] = draw(st.lists(some(name), max_size=2, unique=True))
        elif feature.missing and draw(st.booleans()):
            values[name] = None
        else:
            values[name] = draw(some(name))
    return snapshot(values)
