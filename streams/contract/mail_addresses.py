"""Mail addresses: what one looks like here.

Plain ASCII on both sides (domains in their ``xn--`` form), so that an address fits into every
header and every SMTP command as it is. It holds no space, no line break and no angle bracket.
"""

import re
from typing import Final

LONGEST: Final = 254
LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
ADDRESS: Final = re.compile(rf"(?=.{{1,64}}@){ATOM}(?:\.{ATOM})*@{LABEL}(?:\.{LABEL})+")


def is_mail_address(text: str) -> bool:
    """Return whether a text is a mail address, and nothing else."""
    return len(text) <= LONGEST and ADDRESS.fullmatch(text) is not None
