#!/bin/sh
# Tries the newest versions of all packages, also beyond the upper bounds of pyproject.toml, in an
# environment of its own. `make newest` calls it, and so does .github/workflows/newest.yml each night.
# It prints what is newer than what was tested, then runs types and the tests that need no broker.
set -eu
venv=build/newest
rm -rf "$venv"
"${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" - > "$venv/requirements.txt" <<'END'
import re, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
extras = project["optional-dependencies"]
train = tomllib.load(open("models/pyproject.toml", "rb"))["tool"]["hatch"]["metadata"]["hooks"]["custom"]
everything = (project["dependencies"], extras["gpu"], extras["tracing"], extras["dev"], train["dependencies"])
for line in sum(everything, []):
    if not line.startswith("earmark"):
        print(line if "==" in line else re.split("[<>=!~]", line)[0])
END
"$venv/bin/pip" install -q --disable-pip-version-check uv
export VIRTUAL_ENV="$PWD/$venv"
"$venv/bin/uv" pip install -q -r "$venv/requirements.txt"
"$venv/bin/uv" pip install -q --no-deps -e . -e models  # of this clone, never of an index
echo "newer than what was tested:"
"$venv/bin/uv" pip freeze --exclude-editable | sort -f > "$venv/versions.txt"
sort -f constraints.txt | diff -i - "$venv/versions.txt" | grep '^>' || echo "nothing"
"$venv/bin/mypy" || types=$?
"$venv/bin/pytest" -m 'not pipeline' -n "${JOBS:-2}" -q
exit "${types:-0}"
