"""Audio comes in: bytes fetched within limits, decoded once in a confined child, kept by content.

Read fetch (and fetch_http: never an address inside), spool, hearing (the pool), ear (one child,
from its parent), hearing_child and sandbox (the child itself), fork_server (what all children
share), provenance, artefacts (where the observation stays). Later: kept_uploads (audio that came
by HTTP) and pictures (evidence drawn on demand).
"""
