"""What the fork server of the decode processes loads before it forks; import it nowhere else.

It stays for good and is shared by all children: no garbage collection need look through it, which
takes a quarter of the time in which it is loaded.
"""

import gc


def _load() -> None:
    gc.disable()
    try:
        import detector.observation.listen  # noqa: F401
        import streams.media.decode_child  # noqa: F401
    finally:
        gc.freeze()
        gc.enable()


_load()
