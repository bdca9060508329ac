"""Known tracks: which recordings were met before, in which bank, and what a hit may do.

Read index (the interface), sql (what the backends share), embedded, postgres; banks (owners,
thresholds, switches), recognise (an upload's matches), archives and cli.
"""
