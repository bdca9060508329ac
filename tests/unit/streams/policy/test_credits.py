from streams.contract.records import Contributor
from streams.policy.credits import credit_lines
from tests.support.events import classified
from tests.unit.streams.policy.test_mappings import label


def test_credit_lines_keep_the_rule_of_ddex() -> None:
    people = (Contributor(name="A Singer", roles=("Vocalist",), ai_contribution="Partly"),)
    event = classified(contributors=people)
    everything = credit_lines(event, label("All", generator="Songmaker"), ("A Source",))
    assert [one.special_contributor or one.name for one in everything] == [
        "GenerativeAI",
        "A Source",
    ]
    assert everything[0].ai_contribution == "All"
    part = credit_lines(event, label("Partly", components=("lyrics",)), ())
    assert [(one.name, one.ai_contribution) for one in part] == [
        ("A Singer", "Partly"),
        (None, "All"),
    ]
    assert part[1].roles == ("Lyricist",)
