"""Webhooks: events posted over HTTP, signed, retried and replayable.

``deliveries`` registers webhooks; ``sender`` posts what is due.
"""
