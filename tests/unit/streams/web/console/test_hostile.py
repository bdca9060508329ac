"""What people and uploads say is text and never markup; what other sites send does nothing."""

import hashlib
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from starlette.testclient import TestClient

from streams.contract import topics
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
from streams.services import webhooks
from streams.services.accounts import sessions, users
from streams.services.accounts.roles import Right
from streams.store.account_tables import AUDIT, DELIVERIES, LOGIN_ATTEMPTS, SESSIONS
from streams.web.console.auth import COOKIE, local
from streams.web.console.server import config_of
from tests.support.accounts import create_user
from tests.support.console import ADDRESS, Console
from tests.support.ledger_rows import letter
from tests.support.stories import hear, tell

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}${7*7}javascript:alert(1)"
ALLOWED_SCRIPTS = re.compile(r"/static/[a-z]+\.js")


WORD = EVIL[:200]
EVIL_UPLOAD: dict[str, Any] = {
    "uri": f"https://example.org/{WORD}",
    "title": EVIL,
    "distributor": WORD,
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
        message_id=WORD, ern_version=WORD, sender_dpid=WORD, resource_reference=WORD
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


class Marks(HTMLParser):
    """Gathers what a browser would run or fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.marks: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "script" and not ALLOWED_SCRIPTS.fullmatch(values.get("src") or ""):
            self.marks.append(f"script {values}")
        if tag in ("iframe", "object", "embed", "base", "style"):
            self.marks.append(tag)
        for name, value in attrs:
            text = (value or "").strip().lower()
            if name.startswith("on") or name == "style":
                self.marks.append(f"{tag} {name}")
            if name in ("href", "src", "action", "formaction") and not text.startswith(("/", "#")):
                self.marks.append(f"{tag} {name}={value}")


def told_evil(console: Console) -> dict[str, str]:
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
    paths = told_evil(console)
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


def test_every_answer_forbids_what_we_do_not_need(console: Console) -> None:
    admin = console.browser("admin")
    for path in (
        "/check",
        "/login",
        "/nowhere",
        "/static/console.js",
        "/v1/uploads",
        "/v1/nowhere",
    ):
        headers = admin.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
    assert admin.get("/check").headers["cache-control"] == "no-store"


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


def test_audio_is_read_only_from_where_uploads_may_lie(console: Console) -> None:
    admin = console.browser("admin")
    own = f"file://{console.resources.uploads.root}/../ledger.db"
    for number, uri in enumerate(("file:///etc/passwd", own, "http://127.0.0.1/x", "s3://b/k")):
        decided, _ = tell(console.resources.ledger, f"T-{number}", uri=uri)
        hear(console.resources.ledger, decided, "c" * 64)
        answer = admin.get(f"/audio/{decided.upload_id}")
        assert answer.status_code == 410, uri
        assert "cannot be played" in answer.text


def test_a_checked_file_does_not_pass_for_a_delivery(console: Console) -> None:
    """Else an uploader could have another's track decided again, by other audio."""
    tell(console.resources.ledger, "T-1")
    browser = console.browser("policy")
    headers = {"X-CSRF-Token": browser.csrf, "Sec-Fetch-Site": "same-origin"}

    def check(metadata: str) -> int:
        files = {"file": ("a.wav", b"RIFF and more")}
        data = {"metadata": metadata}
        status: int = browser.post("/check", files=files, data=data, headers=headers).status_code
        return status

    for metadata in ('{"track_id": "T-1"}', '{"distributor": "D"}', '{"uri": "file:///x"}'):
        assert check(metadata) == 422, metadata
    assert [
        part for part in Path(console.resources.uploads.root).rglob("*") if part.is_file()
    ] == []
    assert check('{"declared": {"contains_ai": "None"}}') == 202
    assert check("{") == 400


def test_audio_comes_in_ranges(console: Console) -> None:
    with console.resources.uploads.arrive() as arriving:
        arriving.write(b"RIFF\0\0\0\0WAVE" + bytes(range(8, 200)))
        kept = arriving.whole()
        assert arriving.keep()
    decided, _ = tell(console.resources.ledger, uri=kept.uri)
    browser, path = console.browser("viewer"), f"/audio/{decided.upload_id}"
    assert browser.get(path).status_code == 410, "what was never heard is not served"
    hear(console.resources.ledger, decided, kept.sha256)
    whole = browser.get(path)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "audio/wav")
    for asked, status, length, content_range in (
        ("bytes=0-3", 206, 4, "bytes 0-3/204"),
        ("bytes=200-", 206, 4, "bytes 200-203/204"),
        ("bytes=-2", 206, 2, "bytes 202-203/204"),
        ("bytes=10-9999", 206, 194, "bytes 10-203/204"),
        ("bytes=204-", 416, 0, "bytes */204"),
        ("bytes=9-2", 416, 0, "bytes */204"),
    ):
        answer = browser.get(path, headers={"Range": asked})
        assert (answer.status_code, len(answer.content)) == (status, length), asked
        assert answer.headers["content-range"] == content_range
    assert browser.get(path, headers={"Range": "pages=1-2"}).status_code == 200
    console.resources.views.stop()  # writes what waits
    with console.resources.ledger.reading() as connection:
        question = sqlalchemy.select(AUDIT.c.action).where(AUDIT.c.action == "audio_opened")
        assert len(connection.execute(question).all()) == 1, "one listening is one line"


def test_what_was_kept_is_played_wherever_it_came_from(console: Console, tmp_path: Path) -> None:
    """``EARMARK_KEEP_AUDIO``: a web server is not asked twice, and a file may be gone."""
    content = b"RIFF" + bytes(range(100))
    (tmp_path / "fetched").write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    browser = console.browser("reviewer")
    paths = []
    for track, uri in (("T-1", "https://example.org/one.wav"), ("T-2", "file:///gone/two.wav")):
        decided, _ = tell(console.resources.ledger, track, uri=uri)
        hear(console.resources.ledger, decided, sha256)
        paths.append(f"/audio/{decided.upload_id}")
    assert {browser.get(path).status_code for path in paths} == {410}
    assert console.resources.uploads.keep_copy(tmp_path / "fetched", sha256)
    assert not console.resources.uploads.keep_copy(tmp_path / "fetched", sha256), "once"
    assert {browser.get(path).content for path in paths} == {content}
    assert list((Path(console.resources.uploads.root) / ".arriving").iterdir()) == []


def test_a_file_that_was_swapped_after_the_analysis_is_not_played(
    console: Console, tmp_path: Path
) -> None:
    with console.resources.uploads.arrive() as arriving:
        arriving.write(b"RIFF" + bytes(range(200)))
        kept = arriving.whole()
        arriving.keep()
    decided, _ = tell(console.resources.ledger, uri=kept.uri)
    hear(console.resources.ledger, decided, kept.sha256)
    browser, path = console.browser("reviewer"), f"/audio/{decided.upload_id}"
    assert browser.get(path).status_code == 200
    Path(console.resources.uploads.path(kept.sha256)).write_bytes(b"RIFF" + bytes(200) + b"FREE")
    answer = browser.get(path, headers={"Range": "bytes=1-"})
    assert answer.status_code == 410
    assert "not the file that was analysed" in answer.text


def test_logging_in_gives_a_new_session_whatever_was_brought(console: Console) -> None:
    """Session fixation: a planted cookie is worth nothing afterwards."""
    ada = create_user(console.resources.ledger, "Ada", "viewer", "x" * 12)
    planted = sessions.begin(console.resources.ledger, ada)
    sessions.end(console.resources.ledger, planted, ada)
    client = TestClient(console.app, base_url=ADDRESS, follow_redirects=False)
    client.cookies.set(COOKIE, planted)
    mark = re.search(r'name="before" value="(\w+)"', client.get("/login").text)
    assert mark is not None
    form = {"before": mark[1], "name": "Ada", "password": "x" * 12, "next": "//evil.example/"}
    answer = client.post("/login", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    values = answer.cookies[COOKIE]
    assert values != planted
    assert sessions.find(console.resources.ledger, planted) is None
    assert sessions.find(console.resources.ledger, values) is not None
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_log_in_needs_the_page_of_this_browser(console: Console) -> None:
    client = TestClient(console.app, base_url=ADDRESS, follow_redirects=False)
    for headers in ({}, {"Sec-Fetch-Site": "cross-site"}):
        form = {"before": "guess", "name": "Ada", "password": "x"}
        assert client.post("/login", data=form, headers=headers).status_code == 403


def test_many_tries_from_one_address_do_not_reach_the_ledger(console: Console) -> None:
    client = TestClient(console.app, base_url=ADDRESS, follow_redirects=False)
    mark = re.search(r'name="before" value="(\w+)"', client.get("/login").text)
    assert mark is not None
    form = {"before": mark[1], "name": "Ada", "password": "x"}
    answers = []
    for path in ["/login"] * 25 + ["/enter/guess"] * 10:
        answers.append(client.post(path, data=form, headers={"Sec-Fetch-Site": "same-origin"}))
        marks = re.search(r'name="before" value="(\w+)"', answers[-1].text)
        form["before"] = marks[1] if marks else form["before"]
    assert "from your address" in answers[-1].text
    assert answers[-1].status_code == 429


def test_looking_at_a_link_does_not_use_it_up(console: Console) -> None:
    ada = console.user("viewer", "Ada")
    _, token = sessions.link(console.resources.ledger, ada.user_id, "test")
    client = TestClient(console.app, base_url=ADDRESS, follow_redirects=False)
    for _ in range(3):
        page = client.get(f"/enter/{token}")
    mark = re.search(r'name="before" value="(\w+)"', page.text)
    assert mark is not None
    assert client.post(f"/enter/{token}", data={"before": mark[1]}).status_code == 303
    page = client.get(f"/enter/{token}")
    again = re.search(r'name="before" value="(\w+)"', page.text)
    assert again is not None
    assert client.post(f"/enter/{token}", data={"before": again[1]}).status_code == 410


def test_the_own_page_asks_for_the_old_password(console: Console) -> None:
    ledger, new = console.resources.ledger, "n" * 12
    console.made["Ada"] = create_user(ledger, "Ada", "viewer", "o" * 12)
    browser = console.browser("viewer", "Ada")
    assert 'name="old"' in browser.get("/me").text
    answer = browser.submit("/me", password=new, again=new, old="guess")
    assert (answer.status_code, "old password is not right" in answer.text) == (422, True)
    assert browser.submit("/me", password=new, again=new, old="o" * 12).status_code == 303
    assert 'name="old"' not in console.browser("viewer", "without one").get("/me").text
    with ledger.transaction() as connection:
        console.made["Eve"] = users.add(connection, "Eve", "viewer", "oidc", "issuer#1")
    assert 'name="password"' not in console.browser("viewer", "Eve").get("/me").text


def test_a_role_that_is_taken_away_is_gone_at_once(console: Console) -> None:
    browser = console.browser("admin", "second admin")
    console.user("admin")
    assert browser.get("/admin").status_code == 200
    ledger, user_id = console.resources.ledger, console.made["second admin"].user_id
    users.change(ledger, user_id, role="viewer", active=True, by="test")
    assert browser.get("/admin").status_code == 403
    users.change(ledger, user_id, role="viewer", active=False, by="test")
    assert browser.get("/tracks").status_code == 303
    with console.resources.ledger.reading() as connection:
        own = SESSIONS.c.user_id == user_id
        assert connection.scalars(sqlalchemy.select(SESSIONS.c.user_id).where(own)).all() == []


@pytest.mark.parametrize(
    ("path", "leads_to"),
    [
        ("/queue?x=1", "/queue?x=1"), ("//evil.example", "/"), ("https://evil.example", "/"),
        ("/\\evil.example", "/"), ("javascript:alert(1)", "/"), ("", "/"),
        ("/a\r\nSet-Cookie: x", "/"),
    ],
)  # fmt: skip
def test_after_the_log_in_only_our_own_pages_follow(path: str, leads_to: str) -> None:
    assert local(path) == leads_to


def test_rights_are_words_that_templates_may_ask_for() -> None:
    assert {right.value for right in Right} >= {"read", "upload", "review", "admin"}


@pytest.mark.parametrize(("trusted", "counted"), [("10.0.0.0/8", "203.0.113.7"), ("", "10.0.0.9")])
def test_who_is_behind_a_proxy_is_believed_of_ours_alone(
    opened: Callable[..., Console], tmp_path: Path, trusted: str, counted: str
) -> None:
    console = opened(f"sqlite:///{tmp_path}/ledger.db", trusted_proxies=trusted)
    config = config_of(console.app, console.settings)
    config.load()
    client = TestClient(config.loaded_app, base_url=ADDRESS, client=("10.0.0.9", 4711))
    mark = re.search(r'name="before" value="(\w+)"', client.get("/login").text)
    assert mark is not None
    forwarded = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7", "Sec-Fetch-Site": "same-origin"}
    form = {"before": mark[1], "name": "Ada", "password": "x"}
    assert client.post("/login", data=form, headers=forwarded).status_code == 401
    with console.resources.ledger.reading() as connection:
        marks = connection.scalars(sqlalchemy.select(LOGIN_ATTEMPTS.c.address)).all()
    assert marks == [counted]  # nor is what a client wrote before our proxy's own entry


def test_what_could_not_be_delivered_is_told_to_the_admin(console: Console) -> None:
    ledger = console.resources.ledger
    hook, _ = webhooks.create(ledger, "https://hook.example/", [topics.DECIDED], "me")
    tell(ledger)
    admin = console.browser("admin")
    assert "What could not be delivered" not in admin.get("/admin/webhooks").text
    with ledger.transaction() as connection:
        connection.execute(sqlalchemy.update(DELIVERIES).values(error=EVIL, attempts=3))
    html = admin.get("/admin/webhooks").text
    assert "What could not be delivered" in html
    assert hook in html
    assert Marks(html).marks == []
