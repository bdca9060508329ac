#!/bin/sh
# Installs what only the tests use, where apt and root are there; without it those tests
# skip and say why. Called by `make test`.
command -v apt-get >/dev/null || exit 0
[ "$(id -u)" = 0 ] || exit 0
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && exit 0
echo "installing PostgreSQL for the tests"
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -q postgresql >/dev/null 2>&1 ||
    { apt-get update -q >/dev/null 2>&1 && apt-get install -y -q postgresql >/dev/null 2>&1; } ||
    echo "PostgreSQL could not be installed: its tests will skip"
exit 0
