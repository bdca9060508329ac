"""The console of reviewers, leads, support and admins, and the process that serves it.

Read server (the process), app (what is mounted where), auth (sessions and rights), render.
Then the pages in the order of the menu: check, queue, tracks, appeals, quality, admin.
The browser loads nothing from other sites.
"""
