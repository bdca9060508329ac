"""The Common Expression Language, imported without its command line.

The package imports its interactive shell (prompt_toolkit, pygments) whenever it is imported:
a tenth of a second of every process that decides. An empty module stands in for it.
"""

import sys
from types import ModuleType

sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))

import cel  # noqa: E402  # only after its shell has a stand-in

__all__ = ["cel"]
