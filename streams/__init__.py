"""Everything that talks to the world: topics, processors, policy, ledger, command line.

An upload's way, one module each: ingest (the hook), fingerprint, classify (shadow beside it),
decide and deciding, catalogue; redecide when a fact changes. What they say stands in records,
where in topics. Under them: audio (fetched, decoded, kept), broker (Kafka), known (banks), policy
(pure rules), ledger. Beside them: api, console, review and accounts (people), governance
(policies and rights), webhooks, operate, local, bench.
"""
