"""The console: what reviewers, leads, support and admins see, and the process that serves it.

Read server (the process), app (what is mounted where), visitors (who sits before the
browser), render, then the pages in the order of the menu: check, queue, task, tracks,
appeals, quality, admin. Templates and static files are ours; the browser fetches nothing
from elsewhere.
"""
