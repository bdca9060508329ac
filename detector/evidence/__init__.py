"""Each kind of trace a decoder leaves, where it is, and what they are worth together."""
