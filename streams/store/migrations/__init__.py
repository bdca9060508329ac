"""How the ledger's tables came to be, change by change.

``versions/NNNN_name.py`` are Alembic revisions in one line: the revision's id is its number,
and its ``down_revision`` the number before. They only add (tables, columns that may be
missing, indexes), so that a worker of the release before goes on beside a migrated ledger.
``Ledger.open`` brings a database up to the last one; a test compares what they make with
``streams.store.tables``, on both databases.
"""
