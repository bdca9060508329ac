"""The ledger: tables, migrations, repositories and the outbox.

``tables`` and ``account_tables`` are the schema, ``projections`` turns messages into rows,
``database`` gives transactions on both databases. ``outbox`` and ``audit`` write in the
transaction of the change. The other modules are repositories, each for one subject.
"""
