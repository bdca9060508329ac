"""Sheets and files of agreements."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.contract import topics
from streams.contract.records.rights import GeneratorEntry, RightsEntry
from streams.services.agreement_files import ENTRY, WrongRights, read, template, versioned
from streams.stages.ledger import project
from streams.store.database import Ledger
from streams.store.track_facts import TrackFacts
from tests.support.events import agreement, message
from tests.support.publishing_helpers import NOW

CSV = """\
agreement_id,grantor,grantee,isrcs,wildcard,uses,permission,generator_ids,territories,valid_from
AGR-1,Label,Platform,,yes,generate;distribute_output,opt_in,Songmaker;Other,DE;NO,2026-01-01
AGR-2,Singer,Platform,USRC17607839;GBAYE0601498,,cover,opt_in,,,2026-01-01
"""


GENERATORS = """\
generator_id,aliases,status,territories
songmaker,Song Maker;SM,licensed,DE
"""


def test_a_sheet_of_agreements(tmp_path: Path, ledger: Ledger) -> None:
    sheet, generators = tmp_path / "a.csv", tmp_path / "g.csv"
    sheet.write_text(CSV)
    generators.write_text(GENERATORS)
    known = TrackFacts(ledger).registry("", fresh=True)[0]
    result = versioned([*read(sheet), *read(generators)], known, "desk", NOW)
    first, second, third = result
    assert first.entry is not None
    assert first.entry.conditions.generator_ids == ("Songmaker", "Other")
    assert first.entry.territories == ("DE", "NO")
    assert second.entry is not None
    assert second.entry.subject.isrcs == ("USRC17607839", "GBAYE0601498")
    assert third.generator is not None
    assert third.generator.aliases == ("Song Maker", "SM")
    project(ledger, [message(topics.RIGHTS_CHANGED, one) for one in result])
    known = TrackFacts(ledger).registry("", fresh=True)[0]
    assert versioned([*read(sheet), *read(generators)], known, "desk", NOW) == []
    sheet.write_text(CSV.replace("opt_in,Songmaker", "revoked,Songmaker"))
    (changed,) = versioned(read(sheet), known, "desk", NOW)
    assert (changed.entry_id, changed.version) == (first.entry_id, 2)


def test_rows_of_one_generator_are_its_licences(tmp_path: Path) -> None:
    sheet = tmp_path / "g.csv"
    sheet.write_text(
        "generator_id,aliases,status,territories\nSongmaker,SM,licensed,DE\n"
        "Songmaker,Song Maker,unlicensed,Worldwide\n"
    )
    ((_, content),) = read(sheet)
    assert isinstance(content, GeneratorEntry)
    assert content.aliases == ("SM", "Song Maker")
    assert [(each.status, each.territories) for each in content.licences] == [
        ("licensed", ("DE",)),
        ("unlicensed", ("Worldwide",)),
    ]


def test_conditions_come_along(tmp_path: Path) -> None:
    sheet = tmp_path / "a.csv"
    more = ",products,max_volume,approval_required,revoked_at,grace_days"
    values = ",Studio,1000,no,2026-12-01T00:00:00Z,30"
    header, first, *_ = CSV.splitlines()
    sheet.write_text(f"{header}{more}\n{first}{values}\n")
    ((_, content),) = read(sheet)
    assert isinstance(content, RightsEntry)
    assert (content.conditions.products, content.conditions.max_volume) == (("Studio",), 1000)
    assert content.revocation is not None
    assert (content.revocation.effective_at.month, content.revocation.grace_days) == (12, 30)


def test_a_misspelt_condition_is_refused_however_deep(tmp_path: Path) -> None:
    lines = tmp_path / "rights.jsonl"
    content = json.loads(agreement().to_bytes())
    content["entry"]["conditions"] = {"generator_id": ["Songmaker"]}
    lines.write_text(json.dumps(content))
    with pytest.raises(WrongRights, match=r"rights\.jsonl:1: .*conditions\.generator_id: no such"):
        list(read(lines))


def test_the_registry_reads_its_own_records(tmp_path: Path) -> None:
    lines = tmp_path / "rights.jsonl"
    lines.write_bytes(agreement().to_bytes() + b"\n\n" + agreement().entry.to_bytes() + b"\n")  # type: ignore[union-attr]
    (content, other) = read(lines)
    assert content == (agreement().entry_id, agreement().entry)
    assert other == (None, agreement().entry)


@pytest.mark.parametrize(
    ("spoilt", "answer"),
    [
        (lambda text: text.replace("generate;", "sing;"), "a.csv:2: uses.0"),
        (lambda text: text.replace("USRC17607839", "nonsense"), "a.csv:3: subject.isrcs.0"),
        (lambda text: text.replace("2026-01-01", "soon", 1), "a.csv:2: valid_from"),
        (lambda text: text.replace("AGR-1,Label", "AGR-1,"), "a.csv:2: grantor"),
        # A lost column is a lost condition: this one would have been worldwide.
        (lambda text: text.replace("territories", "territory"), "a.csv:1: unknown column 'territ"),
        (lambda text: text.replace("isrcs,", "uses,"), "a.csv:1: a column stands twice"),
        (lambda text: text.replace(",DE;NO", ""), "a.csv:2: 9 cells, and 10 columns"),
        (lambda text: text.replace("DE;NO", "DE,NO"), "a.csv:2: 11 cells, and 10 columns"),
        (lambda text: text.replace(",yes,", ",ja,"), "a.csv:2: wildcard is yes or no, not 'ja'"),
        (
            lambda text: text + text.splitlines()[1].replace("DE;NO", "FR") + "\n",
            "a.csv:4: the same entry as in line 2: join the rows, or give each an entry_id",
        ),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, spoilt: Callable[[str], str], answer: str) -> None:
    sheet = tmp_path / "a.csv"
    sheet.write_text(spoilt(CSV))
    with pytest.raises(WrongRights, match=answer.replace(".", r"\.")):
        list(read(sheet))


def test_the_template_has_every_column_and_can_be_imported(tmp_path: Path) -> None:
    sheet = tmp_path / "template.csv"
    sheet.write_text(template())
    assert sheet.read_text().splitlines()[0].split(",") == list(ENTRY)
    ((_, entry),) = read(sheet)
    assert isinstance(entry, RightsEntry)
    assert entry.uses == ("generate", "distribute_output")
