"""The test of a module is found by its name.

The test of ``streams/store/reviews.py`` is ``tests/unit/streams/store/test_reviews.py``. Where it
needs a broker or processes, it is ``test_<module>.py`` in ``tests/integration`` or
``tests/pipeline``, if no other module has that name.
"""

from collections import Counter
from pathlib import Path

from tests.support.paths import ROOT

DECLARATIONS = "declarations: the tests of schemas, of compatibility and of records read them"
TABLES = "tables: test_upgrade compares them with what the migrations make"
EXCEPTIONS = {
    "streams/contract/records/analyses": DECLARATIONS,
    "streams/contract/records/fingerprints": DECLARATIONS,
    "streams/contract/records/labels": DECLARATIONS,
    "streams/contract/records/rescoring": DECLARATIONS,
    "streams/contract/output": "two plain data classes: all tests of handlers make them",
    "streams/ops/scan/records": "declarations: the tests of tables and of scanning make them",
    "streams/runtime/kafka/errors": "two classes of errors without a body",
    "streams/store/account_tables": TABLES,
    "streams/known/tables": "tables: test_sql and test_postgres make and fill them",
    "detector/types": "plain data classes",
    "detector/matching/classes": "an enumeration: test_match_classes is about its members",
    "models/hatch_build": "the build's hook: tests/deploy/test_release.py reads what it builds",
    "models/training/references": "writes what tests/unit/models/learning/test_references.py reads",
}
MODULES = [
    path.relative_to(ROOT).with_suffix("")
    for package in ("streams", "detector", "models")
    for path in sorted((ROOT / package).rglob("*.py"))
    if path.stem != "__init__" and "migrations" not in path.parts
]
NAMES = Counter(module.name for module in MODULES)


def own_tests(module: Path) -> list[Path]:
    name = f"test_{module.name}.py"
    places = [ROOT / "tests/unit" / module.parent / name]
    if NAMES[module.name] == 1:
        places += [ROOT / "tests" / folder / name for folder in ("integration", "pipeline")]
    return [place for place in places if place.exists()]


def test_every_module_has_a_test_of_its_name() -> None:
    missing = {str(module) for module in MODULES if not own_tests(module)}
    assert sorted(missing - EXCEPTIONS.keys()) == []
    assert sorted(EXCEPTIONS.keys() - missing) == []  # an exception that is none any more
