"""What the fork server of the decode processes loads before it forks; import it nowhere else.

It stays for good and is shared by all children: no garbage collection need look through it.
"""

import gc

import detector.observation.listen  # noqa: F401
import streams.media.decode_child  # noqa: F401

gc.freeze()
