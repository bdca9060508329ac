#!/bin/sh
# Builds the image with what is there: docker, podman or buildah. `make image` calls it.
#   TAG=registry.example.org/earmark:1.0.0   its name (earmark:VERSION without)
#   DEVICE=gpu                               the one for CUDA (earmark-classify:VERSION without TAG)
#   PACKAGES= BASE=                          as deploy/Dockerfile says
#   ENGINE=podman                            which one, where there are several
#   BUILDER=https://ci.example.org/job/7     who builds, for the provenance
# In OUT (build/image) it leaves the SBOM and the provenance, with the image's id.
set -eu
version=$(sh deploy/version.sh)
device=${DEVICE:-cpu}
name=earmark
[ "$device" != gpu ] || name=earmark-classify
tag=${TAG:-$name:$(echo "$version" | tr + -)}  # a tag takes no plus sign
engine=${ENGINE:-}
for one in docker podman buildah; do
    [ -n "$engine" ] || ! command -v "$one" >/dev/null || engine=$one
done
if [ -z "$engine" ]; then
    echo "none of docker, podman and buildah is here: one of them builds the image" >&2
    exit 1
fi
out=${OUT:-build/image}
base=${BASE:-$(sed -n 's/^ARG BASE=//p' deploy/Dockerfile)}
case $base in
*@sha256:*) ;;
*) echo "the base image $base has no digest: a registry may give another one tomorrow. A release is built with BASE=$base@sha256:..." >&2 ;;
esac
mkdir -p "$out"
set -- build -f deploy/Dockerfile \
    --build-arg "DEVICE=$device" \
    --build-arg "PACKAGES=${PACKAGES:-}" --build-arg "VERSION=$version" \
    --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
    --build-arg "CREATED=$(date -u +%Y-%m-%dT%H:%M:%SZ)"
[ -z "${BASE:-}" ] || set -- "$@" --build-arg "BASE=$BASE"
"$engine" "$@" --target sbom --output "type=local,dest=$out" .
# the others leave health checks out unless they write Docker's format
case $(basename "$engine") in podman | buildah) set -- "$@" --format docker ;; esac
echo "$engine $* -t $tag"
"$engine" "$@" -t "$tag" --iidfile "$out/image.id" .
python3 -m deploy.provenance write "$(cat "$out/image.id")" "$out/wheel.sha256" \
    "TAG=$tag" "BASE=$base" "BUILDER=${BUILDER:-}" "DEVICE=$device" \
    "PACKAGES=${PACKAGES:-}" >"$out/provenance.json"
