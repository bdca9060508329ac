"""Whether a recording is a known one: landmarks, quads, postings, alignment."""
