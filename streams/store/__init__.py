"""The ledger: what happened, as tables that people, the console and back-tests query.

Read tables and people (the schema), rows (what each message stands for), project (the processor),
database (transactions, both databases), reads and letters (questions). outbox and audit are written
in the transaction that they tell about. upgrade, export, rebuild and verify look after it all.
"""
