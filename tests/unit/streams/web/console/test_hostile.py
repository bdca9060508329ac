"""What people and uploads say is text and never markup; what other sites send does nothing."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from streams.contract.records import (
    Contributor,
    DdexMessage,
    Declaration,
    Derivation,
    Tool,
    Upload,
    Uploader,
    VoiceClaim,
)
from tests.support.console import Console
from tests.support.ledger_rows import letter
from tests.support.markup import EVIL, Marks
from tests.support.stories import tell

WORD = EVIL[:200]


EVIL_UPLOAD: dict[str, Any] = {
    "uri": f"https://example.org/{WORD}",
    "title": EVIL,
    "distributor": WORD,
    "holder": WORD,
    "artists": (WORD,),
    "identifiers": {WORD: WORD},
    "contributors": (Contributor(name=WORD, roles=(WORD,)),),
    "declared": Declaration(
        contains_ai="None", tools=(Tool(name=WORD, version=WORD, agreement_id=WORD),)
    ),
    "derivation": Derivation(type="cover", source_iswcs=(WORD,), source_artists=(WORD,)),
    "voice": VoiceClaim(depicted=WORD, consent_id=WORD),
    "uploader": Uploader(account_id=WORD),
    "ddex": DdexMessage(
        message_id=WORD,
        ern_version=WORD,
        sender_dpid=WORD,
        resource_reference=WORD,
        edition=WORD,
    ),
}


def free_texts(schema: dict[str, Any], defs: dict[str, Any], at: str = "") -> Iterator[str]:
    """Yield where in a JSON Schema text of any kind may stand."""
    if "$ref" in schema:
        schema = defs[schema["$ref"].rpartition("/")[2]]
    for part in schema.get("anyOf", ()):
        yield from free_texts(part, defs, at)
    free = not {"enum", "const", "format"} & schema.keys()
    if schema.get("type") == "string" and free and re.match(schema.get("pattern", ""), EVIL):
        yield at
    for name, part in schema.get("properties", {}).items():
        yield from free_texts(part, defs, f"{at}.{name}")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from free_texts(schema[name], defs, at)


def evil_places(value: Any, at: str = "") -> Iterator[str]:
    """Yield where the evil text stands."""
    if isinstance(value, str) and "<script>" in value:
        yield at
    elif isinstance(value, dict):
        for name, part in value.items():
            yield from evil_places(part, at if "<script>" in name else f"{at}.{name}")
    elif isinstance(value, list | tuple):
        for part in value:
            yield from evil_places(part, at)


def test_every_text_of_an_upload_is_tried() -> None:
    schema = Upload.model_json_schema()
    upload = Upload(track_id=WORD, **EVIL_UPLOAD)
    assert set(free_texts(schema, schema["$defs"])) == set(evil_places(upload.model_dump()))


def hostile_paths(console: Console) -> dict[str, str]:
    """Put the evil text wherever an upload, a dead letter, a user or an appeal can."""
    ledger = console.resources.ledger
    decided, requested = tell(ledger, EVIL[:200], **EVIL_UPLOAD)
    assert requested is not None
    from streams.stages.ledger import project

    project(ledger, [letter(EVIL.encode(), reason=EVIL)])
    program = console.program("lead")
    appeal = program.post(
        "appeals",
        json={
            "decision_id": decided.decision_id,
            "appellant": {"type": "artist", "id": EVIL[:200]},
            "grounds": "not_ai",
            "statement": EVIL,
            "evidence": [{"type": "other", "uri": "javascript:alert(1)", "note": EVIL}],
        },
    ).json()
    lead = console.browser("lead", EVIL[:90])
    task = f"/tasks/{requested.task_id}"
    assert lead.submit(f"{task}/take").status_code == 303
    values = {"finding": "None", "reason": "R-OTHER", "notes": EVIL, "note_public": EVIL}
    assert lead.submit(f"{task}/verdict", **values).status_code == 303
    other = console.browser("lead", "another lead")
    step = {"state": "withdrawn", "sequence": "0"}
    assert other.submit(f"/appeals/{appeal['appeal_id']}/step", **step).status_code == 303
    return {
        "task": task,
        "appeal": f"/appeals/{appeal['appeal_id']}",
        "upload": f"/check/{decided.upload_id}",
        "decision": f"/appeals/new?decision={decided.decision_id}",
    }


def test_no_stored_text_becomes_markup(console: Console) -> None:
    paths = hostile_paths(console)
    admin = console.browser("admin")
    track = admin.get("/tracks").text
    links = re.findall(r'href="(/tracks/[^"]+)"', track)
    letters = re.findall(
        r'href="(/admin/dead-letters/[^"]+)"', admin.get("/admin/dead-letters").text
    )
    assert links
    assert letters
    pages = [*paths.values(), *links, *letters, "/queue", "/queue?show=closed", "/tracks", "/check"]
    pages += ["/appeals?show=ended", "/quality", "/admin", "/admin/audit", "/admin/dead-letters"]
    for path in pages:
        answer = admin.get(path)
        assert answer.status_code == 200, f"{path}: {answer.text[-300:]}"
        assert Marks(answer.text).marks == [], path
        assert "<script>alert" not in answer.text, path
        assert "49" not in re.findall(r"\{\{7\*7\}\}|49(?=\$)", answer.text), path


@pytest.mark.parametrize(
    "path",
    [
        "/login?next={}", "/tracks?search={}", "/queue?search={}&queue={}&show={}", "/tracks/{}",
        "/appeals?show={}", "/appeals/{}", "/appeals/new?decision={}", "/tasks/{}", "/check/{}",
        "/admin/dead-letters?status={}&reason={}", "/admin/dead-letters/{}", "/nowhere/{}",
        "/admin/audit?subject={}", "/quality?x={}", "/enter/{}", "/evidence/{}.png",
    ],
)  # fmt: skip
def test_nothing_comes_back_as_markup(console: Console, path: str) -> None:
    admin = console.browser("admin")
    evil = httpx_quoted(EVIL)
    answer = admin.get(path.replace("{}", evil))
    assert answer.status_code < 500
    assert Marks(answer.text).marks == []


def httpx_quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="")


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py", "/static/%2e%2e/server.py", "/static/..%2fserver.py",
        "/static/%2e%2e%2f%2e%2e%2fsettings.py", "/static//etc/passwd", "/static/%00",
        "/evidence/../../etc/passwd.png", "/audio/..%2f..%2fetc%2fpasswd", "/audio/%2e%2e",
        "/check/..%2f..%2fetc", "/v1/../server.py",
    ],
)  # fmt: skip
def test_no_path_leads_out(console: Console, path: str) -> None:
    admin = console.browser("admin")
    answer = admin.get(path)
    assert answer.status_code in (303, 307, 404, 405, 422)
    assert "root:" not in answer.text
    assert "import " not in answer.text
