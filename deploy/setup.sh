#!/bin/sh
# Sets Earmark up in .venv; called by `make setup`. Needs Python 3.11 or newer.
set -eu

fail() { echo "earmark: $*" >&2; exit 1; }

root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null; then sudo "$@"
    else return 1
    fi
}

# apt_install PACKAGE...: with an old or empty package list, update it once and try again
apt_install() {
    command -v apt-get >/dev/null || return 1
    root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" >/dev/null 2>&1 ||
        { root apt-get update -q >/dev/null 2>&1 &&
          root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$@" >/dev/null; }
}

python=
for name in python3 python3.13 python3.12 python3.11; do
    if command -v "$name" >/dev/null &&
        "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$name
        break
    fi
done
[ -n "$python" ] || fail "Python 3.11 or newer is needed (Debian 12, Ubuntu 24.04 and later have it)"

has_chromaprint() { "$python" -c 'import ctypes.util, sys; sys.exit(not ctypes.util.find_library("chromaprint"))'; }
if ! has_chromaprint; then
    echo "installing libchromaprint"
    if [ "$(uname)" = Darwin ] && command -v brew >/dev/null; then
        brew install chromaprint
    else
        apt_install libchromaprint1 ||
            fail "libchromaprint is needed: install libchromaprint1 (Debian, Ubuntu), chromaprint (Fedora, Arch) or chromaprint (brew)"
    fi
fi

if [ ! -x .venv/bin/pip ]; then
    rm -rf .venv
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if ! "$python" -c 'import ensurepip' 2>/dev/null; then
        # Debian ships Python without venv
        apt_install "python$version-venv" || apt_install python3-venv ||
            fail "Python's venv module is needed: install python$version-venv"
    fi
    "$python" -m venv .venv
fi
echo "installing the pinned packages into .venv (PyTorch is large: two to five minutes)"
[ -t 1 ] && quiet= || quiet=-q  # whoever looks on sees what is being fetched
.venv/bin/python -m pip install $quiet --disable-pip-version-check -c constraints.txt -e '.[dev]' -e models
# as pip has done with all others: the first start of eight processes need not
.venv/bin/python -m compileall -q detector models streams
touch .venv/.ready
