#!/bin/sh
# Tries the newest versions of all packages, also beyond the upper bounds of pyproject.toml, in an
# environment of its own; `make newest` and a nightly job call it. It prints what is newer than what
# was tested, then runs the types and the tests that need no broker.
set -eu
venv=build/newest
rm -rf "$venv"
"${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" - > "$venv/requirements.txt" <<'END'
import re, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
extras = project["optional-dependencies"]
for line in (*project["dependencies"], *extras["tracing"], *extras["dev"]):
    if not line.startswith("earmark"):
        print(line if "==" in line else re.split("[<>=!~]", line)[0])
END
"$venv/bin/pip" install -q --disable-pip-version-check -r "$venv/requirements.txt" -e models
"$venv/bin/pip" install -q --disable-pip-version-check --no-deps -e .
echo "newer than what was tested:"
"$venv/bin/pip" freeze --exclude-editable | sort -f > "$venv/versions.txt"
sort -f constraints.txt | diff - "$venv/versions.txt" | grep '^>' || echo "nothing"
"$venv/bin/mypy" || types=$?
"$venv/bin/pytest" -m 'not pipeline' -n "${JOBS:-2}" -q
exit "${types:-0}"
