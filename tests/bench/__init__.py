"""What Earmark costs, each figure beside a peer or a limit measured in the same run.

A time alone says more about the machine than about the program, so every table has a
ratio. What is compared runs by turns (A B A B ...), so that a machine that grows slow grows slow
for both; minimum, median and maximum are printed. CPU seconds are those of all processes
that took part. Read: table (how it is told), measure (how it is taken), then one file for
each command.
"""
