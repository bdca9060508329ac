"""The HTTP API under ``/v1``, for programs that do not speak Kafka.

Read problems (errors), callers (API keys, rights, rate), resources (what every request stands
on), multipart and uploads (audio in), reads, appeals, webhooks, and app, which joins them.
"""
