"""Migrations: whole or not at all, one at a time, and the same as schema.sql."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
from collections.abc import Iterator

import psycopg2
import pytest

from monitoring_jobs.database import SCHEMA_REVISION, migrate, sql_folder, transaction
from monitoring_jobs.errors import DatabaseRefused, DatabaseUnavailable, SchemaMismatch
from monitoring_jobs.sinks.postgres import PostgresSink
from tests.fixtures.evaluations import make_evaluation
from tests.fixtures.postgres import (
    Gate,
    Server,
    libpq,
    rows,
    running_server,
    url_as,
    wait_until_alone,
)

MIGRATE = "import sys; from monitoring_jobs.database import migrate; print(migrate(sys.argv[1]))"


@pytest.fixture(scope="module")
def bare_server() -> Iterator[Server]:
    """A server on which nothing has ever been migrated: it has none of the roles."""
    with running_server() as server:
        yield server


@pytest.fixture
def gate(empty_database_url: str) -> Iterator[Gate]:
    gate = Gate(empty_database_url)
    yield gate
    gate.open()


def start_migration(url: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", MIGRATE, url], stdout=subprocess.PIPE, text=True)


def dump(server: Server, url: str) -> str:
    """Return the schema with owners and rights, as pg_dump writes it."""
    command = [server.binaries / "pg_dump", "--schema-only", "--schema=monitoring", libpq(url)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return "\n".join(
        line for line in text.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))
    )


def run_scripts(url: str, *names: str) -> None:
    connection = psycopg2.connect(libpq(url))
    try:
        with connection, connection.cursor() as cursor:
            for name in names:
                cursor.execute((sql_folder() / f"{name}.sql").read_text(encoding="utf-8"))
    finally:
        connection.close()


def test_schema_sql_and_migrations_make_the_same_database(
    postgres_server: Server, database_url: str, empty_database_url: str
) -> None:
    rows(
        empty_database_url,
        "DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO monitoring_owner', "
        "current_database()); END $$",
    )
    owner = url_as(empty_database_url, "monitoring_owner")
    run_scripts(owner, "schema", "views")
    # Alembic's own table is the one thing that schema.sql does not speak of.
    rows(
        owner,
        "CREATE TABLE alembic_version (version_num varchar(32) NOT NULL, "
        "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))",
    )
    run_scripts(owner, "grants")
    assert dump(postgres_server, empty_database_url) == dump(postgres_server, database_url)


def test_database_of_the_first_revision_is_brought_up_with_its_results(
    empty_database_url: str,
) -> None:
    first = (sql_folder() / "migrations/versions/0001_evaluations_and_mlflow.sql").read_text()
    rows(
        empty_database_url,
        "CREATE SCHEMA monitoring; CREATE TABLE monitoring.alembic_version (version_num "
        "varchar(32) PRIMARY KEY); INSERT INTO monitoring.alembic_version VALUES ('0001')",
    )
    rows(empty_database_url, first)
    rows(
        empty_database_url,
        "INSERT INTO evaluation (monitor, window_start, window_end, status, rows_current, "
        "rows_reference, rows_sampled, reference_id, spec_hash, code_version, attempt, "
        "computed_at, duration_seconds, peak_memory_bytes) VALUES ('wine', '2026-11-20Z', "
        "'2026-11-21Z', 'ok', 1, 1, 0, '', '', '', 'first', '2026-11-21Z', 1, 1)",
    )
    assert migrate(empty_database_url) == SCHEMA_REVISION
    assert rows(
        empty_database_url, "SELECT evaluation_id, attempt, dag_run_id FROM evaluations"
    ) == [("wine--20261120T000000Z--20261121T000000Z", "first", None)]


def test_code_needs_the_newest_revision() -> None:
    revisions = sorted((sql_folder() / "migrations" / "versions").glob("*.py"))
    assert revisions[-1].name.startswith(f"{SCHEMA_REVISION}_")


def test_migrating_again_changes_nothing(postgres_server: Server, database_url: str) -> None:
    PostgresSink(database_url).write(make_evaluation())
    before = dump(postgres_server, database_url)
    assert migrate(database_url) == SCHEMA_REVISION
    assert dump(postgres_server, database_url) == before
    assert rows(database_url, "SELECT count(*) FROM evaluation") == [(1,)]


def test_migrating_again_as_the_owner_role_works(database_url: str) -> None:
    assert migrate(url_as(database_url, "monitoring_owner")) == SCHEMA_REVISION


def test_f37_writer_may_not_migrate(writer_url: str) -> None:
    with pytest.raises(DatabaseRefused, match="monitoring_owner"):
        migrate(writer_url)


def test_f38_newer_database_is_refused_and_left_as_it_is(database_url: str) -> None:
    rows(database_url, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaMismatch, match="upgrade monitoring-jobs") as caught:
        migrate(database_url)
    assert "9999" in str(caught.value)
    assert rows(database_url, "SELECT version_num FROM alembic_version") == [("9999",)]


def test_f34_migrating_a_server_that_is_down_is_transient() -> None:
    with pytest.raises(DatabaseUnavailable):
        migrate("postgresql://owner@127.0.0.1:1/results")


def test_f39_second_migration_waits_for_the_first(empty_database_url: str, gate: Gate) -> None:
    gate.after_ddl("CREATE VIEW")
    first = start_migration(empty_database_url)
    gate.wait_for(1)  # the first is in the middle of it
    second = start_migration(empty_database_url)
    gate.wait_for(2)  # the second waits for the first
    assert rows(empty_database_url, "SELECT to_regnamespace('monitoring')") == [(None,)]
    gate.open()
    for migration in (first, second):
        assert migration.communicate(timeout=60)[0].strip() == SCHEMA_REVISION
        assert migration.returncode == 0
    assert rows(empty_database_url, "SELECT version_num FROM alembic_version") == [
        (SCHEMA_REVISION,)
    ]


def test_f39_migration_killed_midway_leaves_nothing(empty_database_url: str, gate: Gate) -> None:
    gate.after_ddl("CREATE VIEW")
    migration = start_migration(empty_database_url)
    gate.wait_for(1)  # tables are made, views are being made
    migration.send_signal(signal.SIGKILL)
    migration.communicate(timeout=60)
    gate.open()
    wait_until_alone(empty_database_url)
    assert rows(empty_database_url, "SELECT to_regnamespace('monitoring')") == [(None,)]
    rows(empty_database_url, "DROP EVENT TRIGGER gate")
    assert migrate(empty_database_url) == SCHEMA_REVISION
    PostgresSink(empty_database_url).write(make_evaluation())


def test_roles_that_may_not_be_created_are_named_and_the_rest_is_done(
    bare_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    name = bare_server.create_database()
    rows(bare_server.url("postgres"), "CREATE ROLE plain LOGIN")
    rows(bare_server.url("postgres"), f"ALTER DATABASE {name} OWNER TO plain")
    url = bare_server.url(name, "plain")
    with caplog.at_level(logging.WARNING, logger="monitoring_jobs"):
        assert migrate(url) == SCHEMA_REVISION
    (message,) = [r.getMessage() for r in caplog.records if r.name.startswith("monitoring_jobs")]
    assert "monitoring_owner, monitoring_writer, monitoring_reader do not exist" in message
    assert "plain may not create them" in message
    PostgresSink(url).write(make_evaluation())
    assert rows(url, "SELECT count(*) FROM evaluations") == [(1,)]
    # An administrator makes them later; the next migration grants them their rights.
    run_scripts(bare_server.url(name), "roles")
    assert migrate(url) == SCHEMA_REVISION
    PostgresSink(bare_server.url(name, "monitoring_writer")).write(make_evaluation())
    assert rows(bare_server.url(name, "monitoring_reader"), "SELECT count(*) FROM evaluations") == [
        (1,)
    ]


def test_user_who_may_create_roles_but_is_no_superuser_can_migrate() -> None:
    with running_server() as server:
        name = server.create_database()
        rows(server.url("postgres"), "CREATE ROLE admin LOGIN CREATEROLE")
        rows(server.url("postgres"), f"ALTER DATABASE {name} OWNER TO admin")
        assert migrate(server.url(name, "admin")) == SCHEMA_REVISION
        PostgresSink(server.url(name, "monitoring_writer")).write(make_evaluation())
        assert rows(server.url(name, "monitoring_reader"), "SELECT monitor FROM evaluations") == [
            ("wine_quality",)
        ]


def test_user_without_any_rights_is_refused(bare_server: Server) -> None:
    name = bare_server.create_database()
    rows(bare_server.url("postgres"), "CREATE ROLE nobody_at_all LOGIN")
    with pytest.raises(DatabaseRefused, match="42501"):
        migrate(bare_server.url(name, "nobody_at_all"))
    assert rows(bare_server.url(name), "SELECT to_regnamespace('monitoring')") == [(None,)]


def test_migrate_leaves_no_trace_in_the_session_settings(database_url: str) -> None:
    migrate(database_url)
    with transaction(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_user = session_user")
        assert cursor.fetchone() == (True,)


def test_roles_can_log_in_and_stage_rows_where_the_public_may_not(
    postgres_server: Server, empty_database_url: str
) -> None:
    rows(
        empty_database_url,
        "DO $$ BEGIN EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()); "
        "END $$",
    )
    migrate(empty_database_url)
    rows(url_as(empty_database_url, "monitoring_writer"), "CREATE TEMP TABLE staged (n int)")
    assert rows(url_as(empty_database_url, "monitoring_reader"), "SELECT * FROM evaluations") == []
    assert migrate(url_as(empty_database_url, "monitoring_owner")) == SCHEMA_REVISION
