"""What Earmark costs, each figure beside a peer or a limit measured in the same run.

A time alone depends on the machine, so every table has a ratio. The programs compared run by
turns (A B A B ...), so a machine that grows slow is slow for both. Minimum, median and maximum
are printed. CPU seconds are those of all processes that took part. ``table`` prints, ``measure``
measures, and each command has a file.
"""
