"""Transactions: what is committed, what is undone, and what each error means to the caller."""

from __future__ import annotations

import socket
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from monitoring_jobs.database import (
    SCHEMA_REVISION,
    queries,
    require_current_schema,
    sql_folder,
    transaction,
)
from monitoring_jobs.errors import (
    DatabaseRefused,
    DatabaseUnavailable,
    InvalidSettings,
    MonitoringError,
    SchemaMismatch,
)
from tests.fixtures.postgres import rows, running_server, url_as


def execute(url: str, statement: str) -> None:
    with transaction(url) as connection, connection.cursor() as cursor:
        cursor.execute(statement)


def raise_sqlstate(url: str, code: str) -> MonitoringError:
    statement = f"DO $$ BEGIN RAISE EXCEPTION 'no luck' USING ERRCODE = '{code}'; END $$"
    with pytest.raises(MonitoringError) as caught:
        execute(url, statement)
    return caught.value


def test_transaction_commits_at_its_end(empty_database_url: str) -> None:
    execute(empty_database_url, "CREATE TABLE public.kept (n int)")
    assert rows(empty_database_url, "SELECT count(*) FROM kept") == [(0,)]


def test_transaction_is_undone_by_any_error(empty_database_url: str) -> None:
    class Surprise(Exception):
        pass

    def create_and_fail() -> None:
        with transaction(empty_database_url) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE public.lost (n int)")
            raise Surprise

    with pytest.raises(Surprise):
        create_and_fail()
    assert rows(empty_database_url, "SELECT to_regclass('public.lost')") == [(None,)]


def test_transaction_sets_name_timeouts_and_search_path(database_url: str) -> None:
    names = (
        "application_name",
        "search_path",
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
    )
    with (
        transaction(database_url, statement_timeout_seconds=7) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT current_setting(name) FROM unnest(%s) AS name", (list(names),))
        found = [row[0] for row in cursor.fetchall()]
    assert found == ["monitoring-jobs", "monitoring", "7s", "1min", "5min"]


def test_f34_refused_connection_is_transient(unused_port: int) -> None:
    url = f"postgresql+psycopg2://writer:canary-secret@127.0.0.1:{unused_port}/results"
    with pytest.raises(DatabaseUnavailable, match=r"'results' at 127\.0\.0\.1.*refused") as caught:
        execute(url, "SELECT 1")
    assert "\n" not in str(caught.value)
    assert "canary-secret" not in "".join(traceback.format_exception(caught.value))


def test_f34_unknown_host_is_transient() -> None:
    with pytest.raises(DatabaseUnavailable, match=r"no-such-host\.invalid does not answer"):
        execute("postgresql://writer@no-such-host.invalid/results", "SELECT 1")


def test_f34_unknown_database_and_role_are_terminal(database_url: str) -> None:
    with pytest.raises(DatabaseRefused, match="MONITORING_DATABASE_URL"):
        execute(url_as(database_url, "nobody_knows_me"), "SELECT 1")
    missing = urlsplit(database_url)._replace(path="/missing_database").geturl()
    with pytest.raises(DatabaseRefused, match='"missing_database" does not exist'):
        execute(missing, "SELECT 1")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://writer:canary-secret@host/results",
        "postgresql://writer:canary-secret@host/results?no_such_option=1",
        "canary-secret",
    ],
)
def test_f63_malformed_url_is_not_shown(url: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        execute(url, "SELECT 1")
    assert caught.value.__cause__ is None  # libpq's complaint quotes the URL
    assert caught.value.__context__ is None
    assert "canary-secret" not in str(caught.value)


def test_f35_server_dies_in_the_middle_of_a_transaction() -> None:
    with running_server() as server:
        url = server.url("postgres")
        rows(url, "CREATE TABLE public.t (n int)")

        def insert_while_the_server_dies() -> None:
            with transaction(url) as connection, connection.cursor() as cursor:
                cursor.execute("INSERT INTO public.t VALUES (1)")
                server.stop("immediate")
                cursor.execute("INSERT INTO public.t VALUES (2)")

        with pytest.raises(DatabaseUnavailable) as caught:
            insert_while_the_server_dies()
        assert "\n" not in str(caught.value)
        with pytest.raises(DatabaseUnavailable):  # F34: still down
            execute(url, "SELECT 1")
        server.start()
        assert rows(url, "SELECT count(*) FROM t") == [(0,)]
        execute(url, "INSERT INTO public.t VALUES (3)")
        assert rows(url, "SELECT n FROM t") == [(3,)]


def test_f35_connection_that_dies_before_the_commit_is_transient(database_url: str) -> None:
    def commit_on_a_dead_connection() -> None:
        with transaction(database_url) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            (pid,) = cursor.fetchone() or (0,)
            rows(database_url, "SELECT pg_terminate_backend(%s, 10000)", pid)

    with pytest.raises(DatabaseUnavailable):
        commit_on_a_dead_connection()


def test_f36_deadlock_is_transient(database_url: str) -> None:
    both_hold_one = threading.Barrier(2, timeout=30)

    def lock(first: int, second: int) -> MonitoringError | None:
        try:
            with transaction(database_url) as connection, connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", (first,))
                both_hold_one.wait()
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", (second,))
        except MonitoringError as exc:
            return exc
        return None

    with ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(lock, (1, 2), (2, 1)))
    (error,) = [outcome for outcome in outcomes if outcome is not None]
    assert isinstance(error, DatabaseUnavailable)
    assert "40P01" in str(error)


def test_f36_serialization_failure_is_transient(database_url: str) -> None:
    rows(database_url, "CREATE TABLE public.t AS SELECT 1 AS n")

    def update_what_another_has_updated() -> None:
        with transaction(database_url) as connection, connection.cursor() as cursor:
            connection.rollback()
            connection.set_session(isolation_level="REPEATABLE READ")
            cursor.execute("SELECT n FROM public.t")
            rows(database_url, "UPDATE public.t SET n = 2")
            cursor.execute("UPDATE public.t SET n = 3")

    with pytest.raises(DatabaseUnavailable, match="40001"):
        update_what_another_has_updated()


def test_f36_lock_timeout_is_transient(database_url: str) -> None:
    with transaction(database_url) as holder, holder.cursor() as held:
        held.execute("LOCK TABLE evaluation")
        with pytest.raises(DatabaseUnavailable, match="55P03"):
            execute(database_url, "SET LOCAL lock_timeout = '20ms'; LOCK TABLE evaluation")


def test_f36_unique_violation_is_terminal_and_shows_no_value(empty_database_url: str) -> None:
    rows(empty_database_url, "CREATE TABLE public.t (n text PRIMARY KEY)")
    with pytest.raises(DatabaseRefused, match="23505") as caught:
        execute(empty_database_url, "INSERT INTO public.t VALUES ('canary'), ('canary')")
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        ("53100", "free disk space"),
        ("25006", "primary"),
        ("42501", "monitoring_writer"),
        ("42P01", "run monitoring-jobs migrate"),
        ("42703", "run monitoring-jobs migrate"),
        ("3F000", "run monitoring-jobs migrate"),
        ("XX000", "bug"),
    ],
)
def test_f37_lasting_errors_are_terminal_with_a_hint(
    database_url: str, code: str, cure: str
) -> None:
    error = raise_sqlstate(database_url, code)
    assert isinstance(error, DatabaseRefused)
    assert cure in error.cure
    assert code in str(error)


@pytest.mark.parametrize("code", ["08006", "40001", "53300", "55P03", "57014", "57P01", "57P03"])
def test_f36_passing_errors_are_transient(database_url: str, code: str) -> None:
    assert isinstance(raise_sqlstate(database_url, code), DatabaseUnavailable)


def test_f41_statement_that_takes_too_long_is_transient(database_url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="57014"):
        execute(database_url, "SET LOCAL statement_timeout = '20ms'; SELECT pg_sleep(30)")


def test_f37_reader_cannot_write_and_is_told_who_can(reader_url: str) -> None:
    with pytest.raises(DatabaseRefused, match="monitoring_writer"):
        execute(reader_url, "DELETE FROM evaluation")


def test_f37_table_that_does_not_exist_asks_for_migrate(empty_database_url: str) -> None:
    with pytest.raises(DatabaseRefused, match="run monitoring-jobs migrate"):
        execute(empty_database_url, "SELECT * FROM monitoring.evaluation")


def test_f37_value_that_does_not_fit_is_terminal_and_not_shown(database_url: str) -> None:
    with pytest.raises(DatabaseRefused, match="22P02") as caught:
        execute(database_url, "SELECT 'canary'::integer")
    assert "canary" not in str(caught.value)


def test_f38_current_schema_is_accepted(writer_url: str) -> None:
    with transaction(writer_url) as connection:
        require_current_schema(connection)


@pytest.mark.parametrize(
    ("revision", "cure"), [("0000", "run monitoring-jobs migrate"), ("9999", "upgrade")]
)
def test_f38_older_or_newer_schema_is_refused_with_both_numbers(
    database_url: str, revision: str, cure: str
) -> None:
    rows(database_url, "UPDATE alembic_version SET version_num = %s", revision)
    with pytest.raises(SchemaMismatch, match=cure) as caught, transaction(database_url) as c:
        require_current_schema(c)
    assert revision in str(caught.value)
    assert SCHEMA_REVISION in str(caught.value)


def test_f38_missing_schema_is_refused(empty_database_url: str) -> None:
    with (
        pytest.raises(SchemaMismatch, match="run monitoring-jobs migrate"),
        transaction(empty_database_url) as connection,
    ):
        require_current_schema(connection)


def test_every_block_of_every_query_file_has_a_name_and_a_body() -> None:
    files = sorted((sql_folder() / "queries").glob("*.sql"))
    assert files
    for file in files:
        blocks = queries(file.stem)
        assert blocks, file
        assert all(blocks.values()), file


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
