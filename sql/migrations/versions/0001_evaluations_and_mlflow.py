"""Evaluations, measurements, attempts, and what MLflow knows.

Its SQL is a copy that stays as it is: schema.sql goes on with the code, a revision never changes.
"""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    with op.get_bind().connection.cursor() as cursor:
        cursor.execute(Path(__file__).with_suffix(".sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    raise NotImplementedError("restore a backup: going back would delete results")
