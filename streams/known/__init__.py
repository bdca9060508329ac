"""Known recordings: banks, the fingerprint index, and the matches of an upload.

``index`` is the interface; ``sql`` is shared by its backends ``embedded`` (with ``segments``) and
``postgres``. ``banks`` holds owners, thresholds and switches, ``recognition`` an upload's matches,
``archives`` the export.
"""
