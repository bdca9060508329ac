"""How Earmark is operated: image, compose, chart, alerts, dashboards, runbooks.

What is generated is committed, and a test says when it is out of date:

    python -m deploy.generate     chart README and schema, dashboards, tables in the docs
"""
