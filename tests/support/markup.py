"""Text that would be markup where a page does not escape it, and how it is found."""

import re
from html.parser import HTMLParser

EVIL = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}${7*7}javascript:alert(1)"


ALLOWED_SCRIPTS = re.compile(r"/static/[a-z]+\.js")


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
