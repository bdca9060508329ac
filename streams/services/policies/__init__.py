"""Releasing a policy: publish, back-test, switch off, explain."""
