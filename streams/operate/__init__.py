"""For whoever is on call: ``earmark doctor``, and the monitor with its checks as metrics."""
