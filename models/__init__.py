"""Models: how they are made and measured; each released model is a folder.

``synthesis`` makes audio from seeds. ``learning`` learns one more generator from a few tracks.
``augmentation``, ``training`` and ``evaluation`` are the extra ``earmark[train]``.
``commands`` contains the commands that the command line mounts.
"""
