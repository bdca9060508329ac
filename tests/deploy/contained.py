"""A command as its container runs it: a user without rights, a root that cannot be written.

No container engine is needed: a mount namespace, ``chroot`` and ``setpriv`` do what an engine
would. The machine's own files stand for the image's; everything is read-only but what a
container of ours is given: an empty ``/tmp`` and ``/var/lib/earmark``. It needs root.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.support.paths import ROOT

USER: Final = 65532  # deploy/Dockerfile, and the chart's podSecurityContext
# this environment stands for the image's /opt/earmark
PATH: Final = f"{Path(sys.executable).parent}:/usr/sbin:/usr/bin:/sbin:/bin"
# $1 an empty folder, $2 what is mounted at /var/lib/earmark, $3 at /audio, $4 python's own folder,
# $5 the clone, which may lie below a folder that is empty in a container (/tmp, /var)
SCRIPT: Final = r"""
set -eu
new=$1 state=$2 audio=$3 python=$4 clone=$5
shift 5
mount -t tmpfs -o mode=755 tmpfs "$new"
mkdir -p "$new/var/lib/earmark" "$new/audio" "$new/tmp" "$new/root"
for path in /*; do
    name=${path#/}
    case $name in tmp | root | var | mnt | media | lost+found) continue ;; esac
    if [ -L "$path" ]; then
        cp -P "$path" "$new/"
    elif [ -d "$path" ]; then
        mkdir "$new/$name"
        mount --rbind "$path" "$new/$name"
    fi
done
mkdir -p "$new$python"
mount --bind "$python" "$new$python"
mount --bind "$audio" "$new/audio"
awk -v new="$new" 'index($5, new) == 1 { print $5 }' /proc/self/mountinfo | while read -r at; do
    case $at in "$new"/proc* | "$new"/sys* | "$new"/dev*) continue ;; esac
    mount -o remount,bind,ro "$at"
done
mount -t tmpfs -o mode=1777 tmpfs "$new/tmp"
if [ ! -d "$new$clone/tests" ]; then
    mkdir -p "$new$clone"
    mount --bind "$clone" "$new$clone"
    mount -o remount,bind,ro "$new$clone"
fi
mount --bind "$state" "$new/var/lib/earmark"
exec chroot "$new" setpriv --reuid 65532 --regid 65532 --clear-groups --no-new-privs \
    --inh-caps=-all --bounding-set=-all --pdeathsig KILL -- env -C /var/lib/earmark "$@"
"""


class Container:
    """What all containers of an installation share: a volume, and the audio of who delivers.

    Args:
        folder: of the test's own; ``state`` and ``audio`` are made in it.
    """

    def __init__(self, folder: Path) -> None:
        if os.geteuid() != 0 or any(shutil.which(one) is None for one in ("unshare", "setpriv")):
            pytest.skip("containers are imitated by root alone, with unshare and setpriv")
        self.state, self.audio, self._root = folder / "state", folder / "audio", folder / "root"
        for path in (self.state, self.audio, self._root):
            path.mkdir()
        os.chown(self.state, USER, USER)
        self.audio.chmod(0o755)
        if self.run(["true"], {}).returncode != 0:
            pytest.skip("this machine lets nobody mount anything")

    def command(self, *argv: str) -> list[str]:
        """Return what runs ``argv`` in a container."""
        places = (self._root, self.state, self.audio, sys.base_prefix, ROOT)
        wrap = ("unshare", "--mount", "--propagation", "private", "sh", "-c", SCRIPT, "sh")
        return [*wrap, *map(str, places), *argv]

    def run(self, argv: list[str], env: dict[str, str]) -> "subprocess.CompletedProcess[str]":
        """Run ``argv`` in a container to its end; return its status and output."""
        return subprocess.run(
            self.command(*argv),
            env=env | {"PATH": PATH},
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def start(self, argv: list[str], env: dict[str, str], log: Path) -> "subprocess.Popen[bytes]":
        """Start ``argv`` in a container; it dies with us."""
        with log.open("wb") as file:
            return subprocess.Popen(
                self.command(*argv), env=env | {"PATH": PATH}, stdout=file, stderr=file
            )
