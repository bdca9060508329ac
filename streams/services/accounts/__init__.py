"""Accounts: roles and rights, users, sessions, one-time links, API keys, OpenID log-in.

Nothing here knows HTTP; the API and the console call it.
"""
