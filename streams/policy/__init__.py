"""Labels and decisions as pure functions: no clock, no network, no environment.

The facts are in ``registry``, ``rights``, ``facts`` and ``labels``; ``mappings`` has the words of
other vocabularies. A policy file is loaded by ``bundle``, from ``source_map``, ``rules`` and
``conditions`` over the features of ``schema``.
``features`` is the snapshot, ``evaluate`` and ``territories`` apply the rules, and ``decide``
writes the records, with ``reasons`` and ``credits``. ``default.yaml`` is Earmark's own policy.
"""
