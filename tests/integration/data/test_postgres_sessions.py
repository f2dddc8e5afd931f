"""Connections of both roads from Postgres: how they open, break and end."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg2.extensions import parse_dsn

from monitoring_jobs.data.postgres import Road, postgres_tables
from monitoring_jobs.data.postgres_adbc import CannotConnect, fetched_tables
from monitoring_jobs.data.postgres_copy import connection_string
from monitoring_jobs.data.postgres_query import Column, Query
from monitoring_jobs.data.sql import spool_sql
from monitoring_jobs.errors import (
    MissingDependency,
    MonitoringError,
    SourceUnavailable,
    UnreadableDataset,
)
from monitoring_jobs.settings import Settings
from monitoring_jobs.spec import SqlSource
from monitoring_jobs.windows import Window
from tests.fixtures.postgres import rows, running_server, wait_until_alone
from tests.fixtures.postgres_roads import ROADS, SHOWN, engine_of, read


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg2://monitor:canary-secret@127.0.0.1:1/logs",
        "postgresql+psycopg2://monitor:canary-secret@/logs?host=/nowhere",
        "postgresql+psycopg2://monitor:canary-secret@/logs?nosuchparameter=1",
    ],
)
def test_f34_a_database_that_is_down_is_transient_and_shows_no_secret(url: str, road: Road) -> None:
    with pytest.raises(MonitoringError, match=SHOWN) as caught:
        read(url, "SELECT 1 AS v", road)
    texts = [str(caught.value), str(caught.value.__cause__), repr(caught.value.__context__)]
    assert "canary" not in " ".join(texts)


@pytest.mark.parametrize("road", ROADS)
def test_f34_a_server_that_crashes_in_mid_stream_is_transient(road: Road) -> None:
    with running_server() as server:
        query = "SELECT n, repeat('x', 500) AS c FROM generate_series(1, 1000000) AS n"
        url = server.url("postgres")
        tables = postgres_tables(engine_of(url), query, {}, "UTC", SHOWN, road)
        assert next(tables).num_rows == 0
        next(tables)
        server.stop("immediate")
        with pytest.raises(SourceUnavailable, match=r"gave up|does not answer"):
            for _ in tables:
                pass


# --- connecting ---------------------------------------------------------------------------------
PASSWORD = "p@ss w:/?#[]%41'\"\\é"


@pytest.mark.parametrize("road", ROADS)
def test_a_password_of_odd_characters_opens_both_roads(road: Road) -> None:
    with running_server() as server:
        url = server.url("postgres")
        rows(url, "CREATE ROLE odd LOGIN PASSWORD %s", PASSWORD)
        rules = server.data / "pg_hba.conf"
        text = rules.read_text(encoding="utf-8")
        rules.write_text(f"local all odd scram-sha-256\n{text}", encoding="utf-8")
        rows(url, "SELECT pg_reload_conf()")
        known = url.replace("postgres@", f"odd:{quote(PASSWORD, safe='')}@", 1)
        assert read(known, "SELECT current_user::text AS v", road).to_pylist() == [{"v": "odd"}]
        with pytest.raises(UnreadableDataset, match="refused the connection") as caught:
            read(known.replace("odd:p", "odd:q"), "SELECT 1 AS v", road)
    assert "ss w" not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"


def test_parameters_of_the_url_reach_libpq() -> None:
    url = (
        f"postgresql+psycopg2://odd:{quote(PASSWORD, safe='')}@/logs?host=a:5433&host=b:5434"
        "&sslmode=verify-full&sslrootcert=%2Fc%20a%2Froot.crt&connect_timeout=3"
        "&application_name=it%27s"
    )
    given_parameters = parse_dsn(connection_string(engine_of(url)))
    expected = {
        "user": "odd",
        "password": PASSWORD,
        "dbname": "logs",
        "host": "a,b",
        "port": "5433,5434",
        "sslmode": "verify-full",
        "sslrootcert": "/c a/root.crt",
        "connect_timeout": "3",
        "application_name": "it's",
    }
    assert given_parameters.items() >= expected.items()
    assert given_parameters["keepalives_idle"] == "30"


def test_a_connection_that_adbc_does_not_get_tells_nothing() -> None:
    query = Query("SELECT 1 AS v", [Column("v", 23)])
    for wrong in ("host=/nowhere password=canary", "canary", "postgresql://canary@[bad"):
        with pytest.raises(CannotConnect) as caught:
            list(fetched_tables(wrong, query, "UTC", SHOWN))
        assert "canary" not in f"{caught.value!r} {caught.value.__cause__!r}"
        assert caught.value.__suppress_context__


def test_copy_reads_where_adbc_gets_no_connection(
    empty_database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    rows(empty_database_url, "CREATE SEQUENCE public.logins")
    rows(
        empty_database_url,
        "CREATE FUNCTION public.turn_away() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF nextval('public.logins') = 2 THEN RAISE 'not the second'; END IF; END $$",
    )
    rows(empty_database_url, "CREATE EVENT TRIGGER t ON login EXECUTE FUNCTION public.turn_away()")
    rows(empty_database_url, "SELECT setval('public.logins', 1, false)")
    caplog.set_level(logging.INFO, "monitoring_jobs")
    assert read(empty_database_url, "SELECT 5 AS v", Road.ADBC).to_pylist() == [{"v": 5}]
    assert "connection 'logs': ADBC cannot connect, COPY reads" in caplog.messages


STATEMENT = "SELECT current_query() AS v"


def test_adbc_is_taken_where_it_is_installed(empty_database_url: str) -> None:
    shown = {road: read(empty_database_url, STATEMENT, road).to_pylist()[0]["v"] for road in ROADS}
    assert "binary" in shown[Road.ADBC]
    assert "binary" not in shown[Road.COPY]
    assert read(empty_database_url, STATEMENT, None).to_pylist() == [{"v": shown[Road.ADBC]}]


@pytest.mark.parametrize("absent", ["adbc_driver_postgresql", "adbc_driver_manager"])
def test_copy_is_taken_where_adbc_is_not_installed(
    empty_database_url: str, monkeypatch: pytest.MonkeyPatch, absent: str
) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    assert "binary" not in read(empty_database_url, STATEMENT, None).to_pylist()[0]["v"]
    with pytest.raises(MissingDependency, match=r"install monitoring-jobs\[postgres-adbc\]"):
        read(empty_database_url, STATEMENT, Road.ADBC)


@pytest.mark.parametrize("road", ROADS)
def test_a_spool_is_the_same_by_either_road(
    empty_database_url: str, tmp_path: Path, road: Road
) -> None:
    source = SqlSource.model_validate(
        {
            "source": "sql",
            "connection": "logs",
            "query": "SELECT now() - n * interval '1 h' AS ts, n AS x, 'c' || n % 7 AS c"
            " FROM generate_series(1, 9) AS n WHERE :start < :end",
            "timestamp": "ts",
        }
    )
    now = datetime.now(UTC)
    window = Window(now - timedelta(hours=5.5), now)
    known = Settings.load(connections={"logs": empty_database_url})
    spooled = spool_sql(source, window, window, tmp_path, known, road=road)
    table = pa.concat_tables([pq.read_table(file.path) for file in spooled.files])
    assert table.schema.types == [pa.timestamp("us", "UTC"), pa.int64(), pa.string()]
    assert table.column("x").to_pylist() == [1, 2, 3, 4, 5]
    assert spooled.left_out == {"before": 4, "after": 0, "no_timestamp": 0}


# --- stopping -----------------------------------------------------------------------------------
SLOW = (
    "SELECT n, CASE WHEN n > 400000 THEN pg_sleep(600)::text END AS s"
    " FROM generate_series(1, 400009) AS n"
)


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.parametrize("pieces", [1, 2])
def test_a_reader_that_stops_early_leaves_nothing_behind(
    empty_database_url: str, road: Road, pieces: int
) -> None:
    tables = postgres_tables(engine_of(empty_database_url), SLOW, {}, "UTC", SHOWN, road)
    for _ in range(pieces):
        next(tables)
    tables.close()  # type: ignore[attr-defined]
    wait_until_alone(empty_database_url)
    assert not [t for t in threading.enumerate() if t.name.startswith("read-ahead")]


WAITING = """
import signal, sys, sqlalchemy
from monitoring_jobs.data.postgres import Road, postgres_tables
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
engine = sqlalchemy.create_engine(sys.argv[1])
query = "SELECT pg_sleep(600)::text"
list(postgres_tables(engine, query, {}, "UTC", "x", Road(sys.argv[2])))
"""


@pytest.mark.parametrize("road", ROADS)
def test_a_signal_is_heard_while_the_server_thinks(empty_database_url: str, road: Road) -> None:
    with subprocess.Popen([sys.executable, "-c", WAITING, empty_database_url, road]) as child:
        asleep = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND wait_event = 'PgSleep'"
        )
        while rows(empty_database_url, asleep) != [(1,)]:
            assert child.poll() is None
            time.sleep(0.02)
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 7
    wait_until_alone(empty_database_url)
