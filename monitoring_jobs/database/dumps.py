"""A database as a dump of pg_dump's custom format, and back in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, cast

from psycopg2 import sql
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own name

from monitoring_jobs.database.connection import (
    connect,
    for_a_program,
    place_of,
    refuse_newer_schema,
    transaction,
)
from monitoring_jobs.database.files import queries, script
from monitoring_jobs.database.programs import output_of, program
from monitoring_jobs.database.refusals import translated
from monitoring_jobs.errors import DatabaseRefused

Source = Callable[[], IO[bytes]]
SCHEMA = "monitoring"

_OTHER_PROGRAM = "use pg_restore of the version of the pg_dump that wrote it, or a later one"
_COPY_PIECE = 1 << 16
# Around large objects; they would end the one transaction in its middle.
_ENDS = (b"BEGIN;", b"COMMIT;")
# Commands of psql, which is not here, and a setting that servers before 17 do not know.
_NOT_FOR_THE_SERVER = (b"\\restrict", b"\\unrestrict", b"SET transaction_timeout")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a database says of itself.

    Attributes:
        version: Of the server, as it writes it.
        major: Its first number.
        size_bytes: Of the whole database on disk.
        revision: Of the schema ``monitoring``; None where there is none.
    """

    version: str
    major: int
    size_bytes: int
    revision: str | None


def facts(url: str) -> Facts:
    """Ask a database for its version and size.

    Raises:
        DatabaseUnavailable: It does not answer.
        DatabaseRefused: It does not let this user in.
        SchemaMismatch: Its schema is newer than this code.
    """
    with transaction(url) as connection, connection.cursor() as cursor:
        return _facts(connection, cursor)


@contextmanager
def dumped(url: str, schema: str | None, server: int) -> Iterator[IO[bytes]]:
    """Run pg_dump, which sees one moment of the database, and yield what it writes.

    Args:
        url: Of the database, as a user who may read all of it.
        schema: Only this schema; None for all of them.
        server: Major version of the server.

    Raises:
        MissingDependency: pg_dump is missing or too old.
        DatabaseRefused: The user may not read everything, or pg_dump failed.
    """
    path = program("pg_dump", server)
    _require_rights(url, schema)
    shown, secrets = for_a_program(url)
    command = [path, "--format=custom", "--no-password", "--no-sync", "--lock-wait-timeout=60s"]
    if schema is not None:
        command.append(f"--schema={schema}")
    with output_of([*command, f"--dbname={shown}"], secrets=secrets, what=place_of(url)) as output:
        yield output


def refuse_unreadable(source: Source, server: int, what: str) -> None:
    """Make sure that pg_restore is there and can read a dump.

    Raises:
        MissingDependency: It is missing, or older than the server.
        DatabaseRefused: It cannot read the dump.
    """
    path = program("pg_restore", server)
    with (
        source() as dump,
        output_of([path, "--list"], source=dump, what=what, cure=_OTHER_PROGRAM) as output,
    ):
        output.read()


def refuse_losses(url: str, schema: str | None, *, replace: bool) -> None:
    """Make sure that a database has nothing which a restore would lose unasked.

    Raises:
        DatabaseRefused: A table has rows, or something outside the schema is built on it.
    """
    with transaction(url) as connection, connection.cursor() as cursor:
        _refuse_losses(cursor, url, schema, replace=replace)


def restore(url: str, schema: str | None, source: Source, *, replace: bool) -> None:
    """Put a dump in place of what a database holds, in one transaction: all of it, or nothing.

    Args:
        url: Of the database, as its owner, the owner of the schema, or an administrator.
        schema: The dump has only this schema; None where it is of a whole database.
        source: Opens the dump; it is read three times.
        replace: Rows that are there may be lost.

    Raises:
        DatabaseRefused: There are rows, others have built on the schema, the user may not do this,
            or the dump cannot be restored.
        MissingDependency: pg_restore is missing or too old.
    """
    with translated(place_of(url)):
        connection = connect(url)
        try:
            with connection.cursor() as cursor:
                _prepare(connection, cursor, schema)
                path = program("pg_restore", _facts(connection, cursor).major)
                _refuse_losses(cursor, url, schema, replace=replace)
                cursor.execute(queries("backup")["drop_schema" if schema else "drop_everything"])
                _fill(cursor, path, source, what=place_of(url))
                if schema == SCHEMA:
                    cursor.execute(queries("backup")["shut_functions"])
                cursor.execute(queries("backup")["analyze"])
            connection.commit()
        finally:
            connection.close()  # undoes what was not committed


def _prepare(connection: Connection, cursor: Cursor, schema: str | None) -> None:
    cursor.execute(
        queries("database")["prepare_transaction"],
        {"statement_timeout": 0, "lock_timeout": 60_000, "idle_timeout": 0},
    )
    blocks = queries("migrate")
    cursor.execute(blocks["lock"])
    if schema == SCHEMA:
        refuse_newer_schema(connection)
        cursor.execute(script("roles"))
        cursor.execute(blocks["become_owner"])


def _fill(cursor: Cursor, path: str, source: Source, *, what: str) -> None:
    command = [path, "--no-owner", "--no-privileges", "--exit-on-error", "--file=-"]
    for section in ("pre-data", "data", "post-data"):
        with (
            source() as dump,
            output_of(
                [*command, f"--section={section}"], source=dump, what=what, cure=_OTHER_PROGRAM
            ) as output,
        ):
            if section == "data":
                _copy(cursor, output)
            else:
                _run_script(cursor, output)


def _run_script(cursor: Cursor, output: IO[bytes]) -> None:
    """Run a script without data."""
    lines = (line for line in output if not line.startswith(_NOT_FOR_THE_SERVER))
    if statements := b"".join(lines).strip():
        cursor.execute(statements)


def _copy(cursor: Cursor, output: IO[bytes]) -> None:
    """Run a script of nothing but data: blocks of COPY, and statements of one line each."""
    for line in output:
        statement = line.strip()
        if statement.startswith(b"COPY ") and statement.endswith(b" FROM stdin;"):
            rows = cast("IO[bytes]", _Block(output))  # only read() is called
            cursor.copy_expert(statement.decode("utf-8"), rows)
        elif statement and not statement.startswith((b"--", *_NOT_FOR_THE_SERVER, *_ENDS)):
            cursor.execute(statement)


class _Block:
    """The rows of one COPY, up to the line that ends them."""

    def __init__(self, output: IO[bytes]) -> None:
        self._output = output
        self._ended = False

    def read(self, _size: int = -1) -> bytes:
        """Return some rows, none at the end."""
        rows: list[bytes] = []
        length = 0
        while not self._ended and length < _COPY_PIECE:
            line = self._output.readline()
            if not line:
                raise DatabaseRefused("the dump ends in the middle of a table", "use another one")
            self._ended = line == b"\\.\n"
            if not self._ended:
                rows.append(line)
                length += len(line)
        return b"".join(rows)


def _facts(connection: Connection, cursor: Cursor) -> Facts:
    cursor.execute(queries("backup")["server"])
    version, major, size = cursor.fetchone() or ("?", 0, 0)
    return Facts(str(version), int(major), int(size), refuse_newer_schema(connection))


def _require_rights(url: str, schema: str | None) -> None:
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(queries("backup")["may_dump"], {"schema": schema})
        if (row := cursor.fetchone()) is not None:
            raise DatabaseRefused(
                f"{place_of(url)}: this user may not read {row[0]}",
                "connect as the owner of the database, of the results as monitoring_owner",
            )


def _refuse_losses(cursor: Cursor, url: str, schema: str | None, *, replace: bool) -> None:
    if not replace:
        _refuse_rows(cursor, url, schema)
    if schema is None:
        return  # with all of the database goes whatever was built on it
    cursor.execute(queries("backup")["dependents"], {"schema": schema})
    if (row := cursor.fetchone()) is not None:
        raise DatabaseRefused(
            f"{place_of(url)}: {row[0]} is built on the schema {schema} and would go with it",
            "drop it, restore, and make it again",
        )


def _refuse_rows(cursor: Cursor, url: str, schema: str | None) -> None:
    blocks = queries("backup")
    cursor.execute(blocks["tables"], {"schema": schema})
    for (table,) in cursor.fetchall():
        # The server has quoted the name.
        cursor.execute(sql.SQL(blocks["has_rows"]).format(table=sql.SQL(table)))
        if cursor.fetchone() == (True,):
            raise DatabaseRefused(
                f"{place_of(url)} has rows already, in {table}",
                "restore into an empty one, or add --replace to lose what it holds",
            )
