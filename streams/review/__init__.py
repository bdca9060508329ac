"""Review: tasks, verdicts, appeals, and how good both people and automation are.

Read reasons, tasks (the queue and its leases), verdicts, appeals, quality. Every change is one
transaction: the row that people see, the entry of the audit log, and the event in the outbox.
"""
