"""The outcomes' words of today for those of earlier releases; records stay as they came.

A detector that finds no trace no longer states that there is no AI: its extent is ``Unknown``.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Rename them in the rows."""
    renamed = {"ai_likely": "suspected", "human_likely": "no_trace"}
    for name in ("analyses", "decisions"):
        table = sa.table(name, sa.column("outcome", sa.Text))
        for before, after in renamed.items():
            op.execute(table.update().values(outcome=after).where(table.c.outcome == before))
    for name in ("decisions", "labels"):
        table = sa.table(name, sa.column("source", sa.Text), sa.column("extent", sa.Text))
        of_the_detector = (table.c.source == "detector", table.c.extent == "None")
        op.execute(table.update().values(extent="Unknown").where(*of_the_detector))
    analyses = sa.table("analyses", sa.column("extent", sa.Text))
    op.execute(analyses.update().values(extent="Unknown").where(analyses.c.extent == "None"))
