"""Compiles ``detector/kernels`` while a wheel is built (pip, hatchling), where a C compiler is.

``python -m deploy.build_kernels`` does it in place. Without a compiler the wheel is pure Python,
and numpy does what the kernels would.
"""

import os
import runpy
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER: Final = "detector/kernels"
FLAGS: Final = (
    *("-std=gnu99", "-O3", "-fPIC", "-shared", "-Wall", "-Wextra", "-Wno-psabi"),
    *("-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"),  # the bits stay numpy's
)


def facts_of(root: Path) -> dict[str, Any]:
    """Return what ``library.py`` of a source tree defines; the build has no numpy to import it."""
    return runpy.run_path(str(root / FOLDER / "library.py"))


def compile_library(root: Path, library: Path) -> str | None:
    """Compile the kernels of a source tree; return None, or why there is no library.

    Loops for several kinds of processor are in it where the compiler makes them, else for the
    least one.
    """
    command = os.environ.get("CC", "cc").split()
    if shutil.which(command[0]) is None:
        return f"no C compiler ({command[0]})"
    folder, facts = root / FOLDER, facts_of(root)
    source, definitions = folder / facts["SOURCES"][0], facts["definitions"](folder)
    fresh = library.with_suffix(f".{os.getpid()}")
    says = ""
    for further in ((), ("-DPLAIN",)):
        done = subprocess.run(
            [*command, *FLAGS, *further, *definitions, "-o", fresh, source],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            fresh.replace(library)  # at once: a process may be loading the old one
            return None
        says = done.stderr.strip()
    return f"{command[0]} failed: {says}"


class KernelsHook(BuildHookInterface[Any]):
    """Adds the compiled kernels to a wheel, which is then one for this kind of processor."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; called by hatchling before it collects the files."""
        del version
        root = Path(self.root)
        library = root / FOLDER / facts_of(root)["LIBRARY"]
        why = compile_library(root, library)
        if why is not None:
            library.unlink(missing_ok=True)
            self.app.display_warning(f"numpy instead of compiled kernels: {why}")
            return
        build_data["artifacts"].append(f"{FOLDER}/{library.name}")
        build_data["pure_python"] = False
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["tag"] = f"py3-none-{platform}"  # it serves any version of Python


def main() -> None:
    """Compile in place."""
    root = Path(__file__).parents[1]
    why = compile_library(root, root / FOLDER / facts_of(root)["LIBRARY"])
    sys.stdout.write(f"{why or 'compiled'}\n")


if __name__ == "__main__":
    main()
