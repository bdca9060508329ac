"""One more generator from a few of its tracks, and what training shares with that."""
