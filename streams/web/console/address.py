"""Where browsers reach the console."""

from streams.runtime.settings import Settings


def address_of(settings: Settings, port: int) -> str:
    """Return where browsers reach us."""
    if settings.console_url:
        return settings.console_url
    host = settings.console_host
    host = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - shown, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
