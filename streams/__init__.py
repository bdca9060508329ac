"""Everything that talks to the world: topics, processors, policy, ledger, command line.

Read in the order of an upload: records (with records_reviews and records_rights), topics,
ingest (the hook), fetch, hearing, fingerprint, classify with shadow, decide with policy/,
ledger, catalogue; what is known lies in index (with index_sql and its two backends) and banks,
and recognise asks it; for what died dead_letters, ledger_letters, replay, dlq; underneath lie
settings, security, metrics, health, processor with acks and rebalance_gate; on top up and cli.
What others may rely on stands in contract.
"""
