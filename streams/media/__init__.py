"""Audio: fetched within limits, decoded once in a confined process, stored by content."""
