#!/bin/sh
# Builds helm into build/helm-VERSION with Go, once; `make helm` and `make test` call it.
# Two minutes of two cores. Without Go the tests of the chart skip and say so.
set -eu
version=3.22.0 # tests/deploy/helm.py names the same
folder=$PWD/build/helm-$version
[ -x "$folder/helm" ] && exit 0
command -v go >/dev/null || { echo "no Go here: the tests of the Helm chart will skip"; exit 0; }
echo "building helm $version (two minutes, once)"
mkdir -p "$folder/part"
# the proxy may be away for a moment, and CI should not fail for it
if cd /tmp && GOBIN="$folder/part" GOFLAGS=-trimpath go install -ldflags=-s "helm.sh/helm/v3/cmd/helm@v$version"; then
    mv "$folder/part/helm" "$folder/helm"
else
    echo "helm could not be built: the tests of the Helm chart will skip"
fi
rm -rf "$folder/part"
