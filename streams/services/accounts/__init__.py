"""Accounts without HTTP: roles, users, sessions, one-time links, API keys, OpenID log-in."""
