"""Check names and prose: ``python -m deploy.prose [PATHS]`` prints each finding, exit 1 if any.

A line with ``prose: reason`` is an exception; after a closing quote it excepts the docstring.
"""

import argparse
import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, TypeGuard

from deploy.glossary import INSTEAD

ROOT: Final = Path(__file__).resolve().parents[1]
ROOMS: Final = (
    *("detector", "streams", "models", "deploy", "tests", "docs", "examples"),
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md"),
    ".github",
)
NAMES: Final = frozenset({"said", "told", "mine", "wanted"})
LOOP_NAMES: Final = frozenset({"one", "found", "given"})
FORMATTED: Final = re.compile(
    rf"""^[rR]?[fF][^{{]*{{.*\b_*({"|".join(NAMES | LOOP_NAMES)})\b""", re.DOTALL
)
SCANNED: Final = re.compile(  # a string with its prefix, a comment, or such a name
    r"""([bBrRuUfF]{0,2})(\"{3}(?:\\.|[^\\])*?\"{3}|'{3}(?:\\.|[^\\])*?'{3}"""
    r"""|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(\#[^\n]*)"""
    rf"""|\b_*(?:{"|".join(sorted(NAMES | LOOP_NAMES))})\b""",
    re.DOTALL,
)
FROZEN: Final = (
    # released models name this code by digest, with its messages
    *("detector/evidence", "models/learning", "models/training"),
    "tests/",  # a test quotes what it reads
)
MOST_WORDS: Final = 25
MOST_HELP: Final = 70
MESSAGE_WORDS: Final = 3
EXCEPTION: Final = re.compile(r"\bprose: \w")

WORDS: Final = {
    r"the house\b(?! music)|\bof the house|\bhouse's": "the installation, the pipeline",
    r"whoever|whomever": "name the person or the process",
    r"(?<!as )(?<!user )(nobody|somebody)\b": "name the subject",
    r"(?:says|tells|said|told)\b": "things contain, return, state; people say and tell",
    r"heard|re-?hear(?:s|d|ing)|hearing\b": "decoded, analysed; people listen",
    r"the ear\b|\bears\b(?! \()": "decode process",
    r"hurry|quirks?\b": "patch",
    r"strangers?\b|other humans": "leave-one-out, held-out",
    r"standing\b|standstill": "status",
    r"heaps?\b(?!q)": "groups",
    r"likeness|unlike all": "out-of-distribution",
    r"(?<!dead.)(?<!small )(?<!two )(?<!\d )\bletters?\b(?! (?:case|or digit))": "dead letter",
    r"patience": "retry policy",
    r"what became of": "result of",
    r"meanwhile|beforehand|thereof|thereby|whereupon|whereof": "say it plainly",
}
DIALECT: Final = tuple(
    (re.compile(rf"\b(?:{pattern})", re.I), advice)
    for pattern, advice in (
        *WORDS.items(),
        *((pattern, f"the word of the glossary: {word}") for pattern, word in INSTEAD.items()),
    )
)


class Finding(NamedTuple):
    """One place that breaks a rule."""

    path: Path
    line: int
    reason: str


class _Names(ast.NodeVisitor):
    """Collects forbidden identifiers; loop names are free in comprehensions and lambdas."""

    def __init__(self) -> None:
        self.bound: list[set[str]] = []
        self.findings: list[tuple[int, str]] = []

    def _check(self, name: str | None, line: int) -> None:
        if name and name.lower().strip("_") in NAMES:
            self.findings.append((line, f"name {name}: use the noun for what the value is"))
        elif name in LOOP_NAMES and not any(name in names for names in self.bound):
            self.findings.append((line, f"name {name}: only inside comprehensions and lambdas"))

    def generic_visit(self, node: ast.AST) -> None:
        line = getattr(node, "lineno", 0)
        for name in _names_of(node):
            self._check(name, line)
        names = _bound_by(node)
        self.bound.append(names)
        super().generic_visit(node)
        self.bound.pop()


def _names_of(node: ast.AST) -> Iterator[str | None]:
    """Yield the identifiers that a node itself holds."""
    match node:
        case ast.Name(id=name) | ast.keyword(arg=name):
            yield name
        case ast.Attribute(attr=name, ctx=ast.Store()):  # a read follows its definition's name
            yield name
        case ast.arg(arg=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.ExceptHandler(name=name) | ast.MatchAs(name=name) | ast.MatchStar(name=name):
            yield name
        case ast.alias(asname=name):
            yield name


def _bound_by(node: ast.AST) -> set[str]:
    """Return the loop names that a comprehension or lambda binds, free inside of it."""
    match node:
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            targets = [n for g in node.generators for n in ast.walk(g.target)]
            return {n.id for n in targets if isinstance(n, ast.Name)} & LOOP_NAMES
        case ast.Lambda():
            return {arg.arg for arg in node.args.args} & LOOP_NAMES
        case ast.Module():
            imports = [n for n in node.body if isinstance(n, ast.ImportFrom)]
            return {
                a.name for n in imports if n.module == "hypothesis" for a in n.names
            } & LOOP_NAMES
    return set()


def python_findings(text: str, *, messages: bool = True) -> Iterator[tuple[int, str]]:
    """Yield the findings of a Python file, with those of its messages if asked."""
    tree = ast.parse(text)
    comments, may_hold_names = _scanned(text)
    if may_hold_names:  # else looking at each node is for nothing
        names = _Names()
        names.visit(tree)
        yield from names.findings
    lines = text.splitlines()
    docstrings: set[ast.AST | None] = set()
    for node in ast.walk(tree):  # parents before their children
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = _docstring(node)
            docstrings.add(docstring)
            last = docstring.end_lineno if docstring is not None else None
            if docstring is not None and last and not EXCEPTION.search(lines[last - 1]):
                yield from _checked_docstring(node, docstring)
        elif isinstance(node, ast.keyword) and node.arg in {"help", "description"}:
            match node.value:
                case ast.Constant(value=str(words)):
                    yield from _help(node.value.lineno, words, limited=node.arg == "help")
        elif messages and _is_message(node) and node not in docstrings:
            yield from _dialect(node.lineno, str(node.value))
    for line, comment in comments:
        if not comment.startswith("# noqa"):
            yield from _dialect(line, comment)


def _scanned(text: str) -> tuple[list[tuple[int, str]], bool]:
    """Return the comments with their lines, and whether there may be a forbidden identifier.

    ``tokenize`` finds the same in six times the time.
    """
    comments, may_hold_names, line, counted = [], False, 1, 0
    for match in SCANNED.finditer(text):
        if match[3] is not None:
            line += text.count("\n", counted, match.start())
            counted = match.start()
            comments.append((line, match[3]))
        elif match[2] is None:
            may_hold_names = True
        elif not may_hold_names:
            may_hold_names = FORMATTED.search(match[0]) is not None
    return comments, may_hold_names


def _is_message(node: ast.AST) -> TypeGuard[ast.Constant]:
    """Return whether a node is a string of several words: fewer are a value."""
    return isinstance(node, ast.Constant) and len(str(node.value).split()) >= MESSAGE_WORDS


def _docstring(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef,
) -> ast.Constant | None:
    """Return the docstring's own node, or None."""
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return first.value if isinstance(first.value.value, str) else None
    return None


def _checked_docstring(node: ast.AST, docstring: ast.Constant) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with a docstring: first line, long sentences, words."""
    text, line = str(docstring.value), docstring.lineno
    first = text.split("\n", 1)[0].strip()
    if not first.endswith((".", "!", "?", ".``")):
        yield line, "first line of a docstring: one sentence that ends in a full stop"
    decorators = getattr(node, "decorator_list", [])
    if any(re.search(r"\.(command|callback)\b", ast.unparse(d)) for d in decorators):
        yield from _help(line, first, words=False)
    yield from _dialect(line, text)
    yield from _sentences(line, text)


def _help(
    line: int, text: str, *, limited: bool = True, words: bool = True
) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with a help text."""
    if limited and len(text) > MOST_HELP:
        yield line, f"help of {len(text)} characters: at most {MOST_HELP}"
    if words:
        yield from _dialect(line, text)


def _dialect(line: int, text: str) -> Iterator[tuple[int, str]]:
    """Yield the words of the list that a text holds."""
    for pattern, advice in DIALECT:
        for match in pattern.finditer(text):
            yield line + text.count("\n", 0, match.start()), f'word "{match[0]}": {advice}'


def _sentences(line: int, text: str) -> Iterator[tuple[int, str]]:
    """Yield the sentences with too many words; code, tables, headings and URLs do not count."""
    prose = re.sub(r"```.*?```|<!--.*?-->", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
    prose = re.sub(
        r"(`+)[^`]+\1|``|https?://\S+", lambda m: "code" + "\n" * m[0].count("\n"), prose
    )
    prose = re.sub(r"^ *(\||#|    |\t|===|---|\.\. |>>> ).*$", "", prose, flags=re.M)
    prose = re.sub(r"\b(e\.g|i\.e|cf|vs|al|No|Art|p)\.", r"\1", prose)
    offset = 0
    for part in re.split(r"(?<=[.!?:])[)\"*_]*(?=\s|$)|\n\s*\n|\n\s*(?=[-*] |\d+\. )", prose):
        count = len(re.findall(r"[A-Za-z0-9][\w'./%-]*", part))
        start = prose.find(part, offset)
        offset = start + len(part)
        if count > MOST_WORDS:
            lead = len(part) - len(part.lstrip())
            yield line + prose.count("\n", 0, start + lead), f"sentence of {count} words"


def text_findings(text: str) -> Iterator[tuple[int, str]]:
    """Yield the findings of a Markdown text."""
    blank = re.sub(r"```.*?```", lambda m: "\n" * m[0].count("\n"), text, flags=re.S)
    yield from _dialect(1, re.sub(r"`[^`\n]*`", "``", blank))
    yield from _sentences(1, text)


def _text(path: Path, text: str) -> Iterator[tuple[int, str]]:
    """Yield the findings of a page, a template or a YAML file."""
    if path.suffix == ".md":
        yield from text_findings(text)
    elif path.suffix == ".html":
        yield from _dialect(1, re.sub(r"\{[{%].*?[%}]\}|<[^>]*>", "", text))
    else:
        for number, row in enumerate(text.splitlines(), 1):
            if "#" in row or "description:" in row or "summary:" in row:
                yield from _dialect(number, row)


def findings(path: Path) -> Iterator[Finding]:
    """Yield what one file breaks, without the lines that carry an exception."""
    text = path.read_text()
    lines = ["", *text.splitlines()]
    messages = not str(path.relative_to(ROOT)).startswith(FROZEN)
    rows = python_findings(text, messages=messages) if path.suffix == ".py" else _text(path, text)
    for line, reason in sorted(set(rows)):
        if not EXCEPTION.search(lines[min(line, len(lines) - 1)]):
            yield Finding(path, line, reason)


def checked_files(paths: Iterable[str]) -> list[Path]:
    """Return the tracked texts below the paths, generated ones and the golden records left out."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *paths]
    rows = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    suffixes = {".py", ".md", ".html", ".yaml"}
    return [
        ROOT / row
        for row in rows.splitlines()
        if Path(row).suffix in suffixes
        and (ROOT / row).exists()
        and row not in ("deploy/prose.py", "deploy/glossary.py", "tests/deploy/test_glossary.py")
        and not re.fullmatch(r"models/[^/]+/[A-Z]+\.md", row)  # a release is frozen
    ]


def main() -> int:
    """Print the findings; return 1 if there are any."""
    parser = argparse.ArgumentParser(prog="python -m deploy.prose", description=__doc__)
    parser.add_argument("paths", nargs="*", default=ROOMS)
    everything = [f for path in checked_files(parser.parse_args().paths) for f in findings(path)]
    for f in everything:
        sys.stdout.write(f"{f.path.relative_to(ROOT)}:{f.line}: {f.reason}\n")
    return int(bool(everything))


if __name__ == "__main__":
    sys.exit(main())
