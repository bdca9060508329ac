"""How a broker fails us. No client's library is loaded here: processors need only one of two."""

from detector.errors import Fatal, OwnSideAway


class BrokerAway(OwnSideAway):
    """The broker does not answer (yet, or any more)."""


class BrokerFailed(Fatal):
    """The broker did not start, has ended, or refuses what it is asked for."""
