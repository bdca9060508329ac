"""Everything that talks to the world: topics, processors, policy, ledger, command line.

Read in the order of an upload: records, topics, ingest (the hook), fetch, hearing,
fingerprint, classify, decide with policy/, ledger, catalogue; underneath lie settings,
metrics, health, processor with acks and rebalance_gate; on top up and cli.
"""
