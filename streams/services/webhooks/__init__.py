"""Webhooks: what happened, posted to those who do not speak Kafka; signed, retried, replayable.

Read deliveries (what is to go where, in the ledger) and sender (which posts it).
"""
