"""How Earmark is operated: image, compose, chart, alerts, dashboards, runbooks.

Generated files are committed; a test fails when they are out of date:

    python -m deploy.generate     chart README and schema, dashboards, tables in the docs
"""
