"""Who may do what: roles and rights, users, sessions, one-time links, API keys, OIDC.

Read roles, tokens, users, sessions, keys, oidc. Nothing here knows HTTP; the API and the
console ask it, and it asks the ledger.
"""
