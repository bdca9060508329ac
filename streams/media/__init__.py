"""Audio: fetched within limits, decoded once in a confined process, stored by content.

Fetching: ``fetch``, ``fetch_http`` (refuses internal addresses), ``spool``. Decoding:
``decode_pool``, ``decode_worker`` (the parent's side), ``decode_child``, ``sandbox``,
``fork_server``, ``provenance``. Storing: ``artefacts`` (observations, answers, pictures),
``kept_audio`` (uploads by HTTP). Drawing: ``picture_child``.
"""
