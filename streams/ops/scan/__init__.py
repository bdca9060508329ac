"""``earmark scan``: a folder, a bucket or a manifest becomes tables and one page.

``listing`` names the files, ``reading`` decodes and analyses them, ``tables`` counts, ``files`` and
``page`` write the report. The state is ``streams.store.scan_state``.
"""
