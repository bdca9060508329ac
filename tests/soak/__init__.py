"""The soak: many uploads, many faults, and at the end not one upload missing.

``python -m tests.soak --uploads 20000 --kills 20 --broker kafka`` runs two workers of
every stage (``--workers``) under the real supervisor on a real broker, hurts them while
they work, and then counts, from the topics and from the ledger, what became of every upload.

Reading order: ``uploads`` (what is sent), ``house`` (broker, store, database, workers),
``faults`` (what is done to them), ``watching`` (exits and memory), ``facts`` (what the
topics say), ``verdict`` (the sums), ``__main__``.
"""
