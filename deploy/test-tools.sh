#!/bin/sh
# Installs what only the tests use, where apt and root are there; without it those tests
# skip and say why. Called by `make test`.
sh deploy/helm.sh
command -v apt-get >/dev/null || exit 0
[ "$(id -u)" = 0 ] || exit 0
export DEBIAN_FRONTEND=noninteractive

# need WHAT PACKAGE...: with an old or empty package list, update it once and try again
need() {
    what=$1
    shift
    echo "installing $what for the tests"
    apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 ||
        { apt-get update -q >/dev/null 2>&1 &&
          apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1; } ||
        echo "$what could not be installed: its tests will skip"
}

ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || need PostgreSQL postgresql
command -v chromium >/dev/null || need Chromium chromium
command -v promtool >/dev/null || need Prometheus prometheus
exit 0
