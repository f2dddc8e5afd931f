"""Bring a database to the schema of this code: everything in one transaction, or nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, cast

from monitoring_jobs.database.connection import (
    SCHEMA_REVISION,
    connect,
    place_of,
    refuse_newer_schema,
)
from monitoring_jobs.database.files import queries, script, sql_folder
from monitoring_jobs.database.refusals import translate, translated

if TYPE_CHECKING:
    import sqlalchemy as sa
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name

log = logging.getLogger(__name__)


def migrate(url: str, *, lock_timeout_seconds: int = 600) -> str:
    """Create or upgrade the schema, its views, roles and grants; safe to run twice at once.

    Roles are created where the user may create roles, else a warning says which are missing.

    Args:
        url: URL of the database, as its owner or an administrator.
        lock_timeout_seconds: Longest wait for another migration or for readers.

    Returns:
        The revision that the database is at now.

    Raises:
        SchemaMismatch: The database is newer than this code.
        DatabaseUnavailable: Postgres does not answer, or a lock was not to be had.
        DatabaseRefused: The user may not do this.
    """
    import sqlalchemy as sa

    place = place_of(url)
    engine = sa.create_engine(
        "postgresql+psycopg2://", creator=lambda: connect(url), poolclass=sa.NullPool
    )
    try:
        with translated(place), engine.begin() as connection:
            _apply(connection, lock_timeout_seconds)
    except sa.exc.DBAPIError as exc:
        if exc.orig is None:
            raise
        raise translate(exc.orig, place) from exc  # type: ignore[arg-type]
    log.info(
        "%s is at revision %s",
        place,
        SCHEMA_REVISION,
        extra={"action": "migrated", "revision": SCHEMA_REVISION},
    )
    return SCHEMA_REVISION


def _apply(connection: sa.Connection, lock_timeout_seconds: int) -> None:
    driver = cast("Connection", connection.connection.dbapi_connection)
    blocks = queries("migrate")
    with driver.cursor() as cursor:
        cursor.execute(
            queries("database")["prepare_transaction"],
            {
                "statement_timeout": 0,
                "lock_timeout": lock_timeout_seconds * 1000,
                "idle_timeout": 0,
            },
        )
        cursor.execute(blocks["lock"])
        refuse_newer_schema(driver)
        cursor.execute(script("roles"))
        _log_warnings(driver)  # now: SQLAlchemy empties the list
        cursor.execute(blocks["become_owner"])
        cursor.execute(blocks["create_schema"])
        _upgrade(connection)
        cursor.execute(script("views"))
        cursor.execute(script("grants"))


def _log_warnings(driver: Connection) -> None:
    for notice in driver.notices:
        if notice.startswith("WARNING:"):
            log.warning("%s", notice.removeprefix("WARNING:").strip(), extra={"action": "migrate"})


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    folder = str(sql_folder() / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
