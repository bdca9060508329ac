"""Repairs of client libraries, each for the exact version that needs it."""
