"""The HTTP API under ``/v1``, for programs that do not speak Kafka.

Read problems (errors), callers (API keys, rights, rate) and resources (ledger, stores, threads).
Then multipart and uploads (audio in), tracks, appeals, webhooks. ``app`` mounts them.
"""
