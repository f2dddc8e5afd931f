"""The results database: transactions, COPY, named queries, migrations. The home of psycopg2."""

from monitoring_jobs.database.connection import (
    SCHEMA_REVISION,
    require_current_schema,
    transaction,
)
from monitoring_jobs.database.files import queries, sql_folder
from monitoring_jobs.database.migrations import migrate
from monitoring_jobs.database.reading import reading
from monitoring_jobs.database.rows import clean_text, copy_rows, needs_cleaning

__all__ = [
    "SCHEMA_REVISION",
    "clean_text",
    "copy_rows",
    "migrate",
    "needs_cleaning",
    "queries",
    "reading",
    "require_current_schema",
    "sql_folder",
    "transaction",
]
