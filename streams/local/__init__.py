"""One machine: ``earmark up``, ``submit``, ``watch`` and ``analyze``.

Read up, supervisor (processors as child processes), state (the one folder), gather and submit
(what is sent), watch and show (what comes back), offline (no broker at all).
"""
