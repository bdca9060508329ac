"""The site: it builds without a warning, is whole, needs no network, and names its readers.

Commands in the documents are parsed by ``test_runbooks``.
"""

import ast
import json
import re
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown.extensions.toc import slugify
from mkdocs.commands.build import build
from mkdocs.config import load_config

from streams.policy import bundle
from streams.web.api.appeals import AppealRequest
from tests.support.documents import DOCUMENTS, blocks
from tests.support.paths import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md"))
# those that the site does not have, and what links between them
TEXTS = [
    *DOCUMENTS,
    *(path for name in ("*.md", "models/*.md", ".github/**/*.md") for path in ROOT.glob(name)),
]
READERS = re.compile(r"^\*For [^*]+\.[^*]*\*")
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^( *)```(\w+)[^\n]*\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
MOST_LINES = 150  # of the README


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site in a folder of its own; a warning of MkDocs is an error there."""
    folder = tmp_path_factory.mktemp("site")
    config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True)
    build(config)
    return folder


def test_it_builds_without_a_warning_and_has_every_page(site: Path) -> None:
    made = {path.relative_to(site).with_suffix(".md") for path in site.rglob("*.html")}
    assert {path.relative_to(DOCS) for path in PAGES} <= made


def test_every_page_is_in_the_menu() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    listed = re.findall(r"[\w/-]+\.md", json.dumps(nav))
    assert sorted(listed) == [str(path.relative_to(DOCS)) for path in sorted(PAGES, key=str)]


def test_it_loads_nothing_from_elsewhere_and_the_search_knows_every_page(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r"<(?:script|link|img|iframe)\b[^>]*?(?:src|href)=\"?([^\">\s]+)", page.read_text()
        )
        assert [one for one in loaded if re.match(r"(https?:)?//", one)] == []
    index = json.loads((site / "search" / "search_index.json").read_text())
    locations = {entry["location"].partition("#")[0] for entry in index["docs"]}
    assert {str(path.relative_to(DOCS).with_suffix(".html")) for path in PAGES} <= locations
    assert any("p-value" in entry["text"] for entry in index["docs"])


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_a_page_names_its_readers(page: Path) -> None:
    lines = [line for line in page.read_text().splitlines() if line and not line.startswith("<!--")]
    assert any(READERS.match(line) for line in lines[:2]), lines[:2]


def anchors(path: Path) -> set[str]:
    """Return the anchors of a text, as the site and code hosts make them."""
    text = re.sub(r"^ *```.*?^ *```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {slugify(re.sub(r"[`*]", "", title), "-") for title in titles}


def broken(path: Path) -> Iterator[str]:
    """Yield the links of a text that lead nowhere in the repository."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(), flags=re.DOTALL)
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (
            target.suffix == ".md" and anchor and anchor not in anchors(target)
        ):
            yield link


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_anchors_lead_somewhere(path: Path) -> None:
    assert list(broken(path)) == []


def test_a_broken_link_would_be_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](#one) [b](#two) [c](page.md) [d](none.md) `[e](none.md)`\n")
    assert list(broken(page)) == ["#two", "none.md"]


def code() -> Iterator[tuple[str, str, str]]:
    """Yield place, language and text of each block of code."""
    for path in TEXTS:
        text = path.read_text()
        for match in CODE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            indent, language, body = match.groups()
            body = re.sub(rf"^{indent}", "", body, flags=re.MULTILINE)
            yield f"{path.relative_to(ROOT)}:{line}", language, body


PARSERS: dict[str, Callable[[str], Any]] = {
    "yaml": yaml.safe_load,
    "json": json.loads,
    "python": ast.parse,
    "toml": tomllib.loads,
}
BLOCKS = [block for block in code() if block[1] in PARSERS]


@pytest.mark.parametrize(("place", "language", "text"), BLOCKS, ids=[one[0] for one in BLOCKS])
def test_a_block_of_code_can_be_read(place: str, language: str, text: str) -> None:
    assert PARSERS[language](text)


def test_blocks_are_of_known_languages() -> None:
    languages = {language for _, language, _ in code()}
    assert languages <= {*PARSERS, "sh", "sql", "properties"}
    assert set(PARSERS) <= languages


def test_the_readme_is_an_overview() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MOST_LINES


def test_the_override_of_the_page_about_rules_is_accepted() -> None:
    text = bundle.read(ROOT / "streams" / "policy" / "default.yaml")
    override = blocks()["override"].replace("\n", "\n  ")
    parsed = bundle.parse(f"{text}\noverrides:\n  {override}\n", "page")
    assert parsed.overrides[0].off == ("not-recommended",)


def test_the_rule_for_one_country_is_accepted_and_its_tests_pass() -> None:
    text = bundle.read(ROOT / "streams" / "policy" / "default.yaml")
    for key, name in (("rules", "territory-rule"), ("tests", "territory-tests")):
        part = textwrap.indent(blocks()[name], "  ")
        text = text.replace(f"\n{key}:\n", f"\n{key}:\n{part}", 1)
    parsed = bundle.parse(text, "page")
    assert [rule.id for rule in parsed.rules if rule.territories] == ["new-deliverer-de"]
    with pytest.raises(bundle.BundleError, match="review is none, expected new-deliverers"):
        bundle.parse(text.replace("territories: [DE]", "territories: [FR]"), "page")


def test_the_appeal_of_the_page_about_appeals_is_accepted() -> None:
    assert AppealRequest.model_validate_json(blocks()["appeal"]).grounds == "not_ai"


def test_issue_forms_ask_for_what_a_maintainer_needs() -> None:
    forms = [
        yaml.safe_load(path.read_text())
        for path in sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
        if path.stem != "config"
    ]
    assert len(forms) == 3
    for form in forms:
        assert {"name", "description", "labels", "body"} == form.keys()
        assert {part["type"] for part in form["body"]} <= {
            *("markdown", "textarea", "input", "dropdown")
        }
        assert any(part.get("validations", {}).get("required") for part in form["body"])
