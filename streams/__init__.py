"""Everything that talks to the world: topics, processors, policy, ledger, command line.

``stages`` has an upload's way, one module each: ingest (the hook), fingerprint, classify, decide,
catalogue; redecide when a fact changes, rescore when a model does. What they say stands in
``contract``. Under them: ``media`` (audio fetched, decoded, kept), ``known`` (banks), ``policy``
(pure rules), ``store`` (the ledger), ``runtime`` (Kafka, settings). ``services`` are the use cases
of people and programs; ``web``, ``ops`` and ``cli`` are how they reach them.
"""
