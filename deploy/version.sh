#!/bin/sh
# Prints the version of this clone with git alone, by the rules of [tool.hatch.version] in
# pyproject.toml: 1.0.0 at the tag v1.0.0, 1.0.0.post1.dev5+g<commit> five commits later. Without git: 0.
cd "$(dirname "$0")/.."
described=$(git describe --tags --long --abbrev=9 --match 'v[0-9]*' 2>/dev/null) ||
    described=$(echo "v0-$(git rev-list --count HEAD)-g$(git rev-parse --short=9 HEAD)") 2>/dev/null
case $described in
    v*-0-g*) echo "$described" | sed 's/^v//; s/-0-g[0-9a-f]*$//' ;;
    v*-[0-9]*-g[0-9a-f]*) echo "$described" | sed 's/^v//; s/-\([0-9]*\)-g\([0-9a-f]*\)$/.post1.dev\1+g\2/' ;;
    *) echo 0 ;;
esac
