"""The page of artists: by a signed link, without an account.

``guests`` lets in by a link, ``pages`` are for browsers, ``api`` has the same for programs.
"""
