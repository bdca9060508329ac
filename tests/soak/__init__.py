"""The soak: many uploads, many faults, and at the end not one upload missing.

``python -m tests.soak --uploads 20000 --kills 20 --broker kafka`` runs two workers of every stage
(``--workers``) under the real supervisor on a real broker. It injects faults while they work, then
counts the results of all uploads, from the topics and from the ledger.

Modules in reading order: ``uploads``, ``installation`` (broker, store, database, workers),
``faults``, ``watching`` (exits and memory), ``facts`` (contents of the topics), ``verdict``,
``__main__``.
"""
