"""Dashboards: what their panels ask of two years of daily results, as monitoring_reader."""

from __future__ import annotations

import re
import resource
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg2

from monitoring_jobs.results import Evaluation, Measurement, ModelRef, RowCounts, Status
from monitoring_jobs.sinks.postgres import PostgresSink
from tests.benchmarks.dashboard_queries import Question, questions
from tests.benchmarks.one_evaluation import DAY, measured
from tests.benchmarks.processes import Cost
from tests.benchmarks.services import migrate
from tests.benchmarks.trials import Announce, Row, Trial
from tests.benchmarks.two_years import Filled, fill
from tests.fixtures.postgres import libpq, running_server, url_as

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own name

WRITE, WRITE_BARE = "write an evaluation", "write an evaluation, dashboards' indexes left out"
INDEXES = ("measurement_not_ok", "measurement_of_windows")
# Without a hot tenth of the data in memory any server is slow; all else is as Postgres comes.
_SETTINGS = ("shared_buffers = '1GB'", "max_wal_size = '4GB'")


@dataclass(frozen=True, kw_only=True)
class Dashboards:
    """So many monitors of so many columns, judged daily for so many days.

    Attributes:
        plans: Folder for the plan of each query.
        monitors, days, columns: See ``two_years.fill``.
        rounds: How often each query is asked once everything is warm.
    """

    plans: Path
    monitors: int = 100
    days: int = 730
    columns: int = 50
    rounds: int = 25

    def measure(self, announce: Announce) -> list[Row]:
        """Return what each query takes, the size of it all, and what writing takes."""

        def tell(what: str) -> None:
            announce(Trial(what=what, stages=[]), 0)

        with _server() as url:
            filled = fill(
                url, monitors=self.monitors, days=self.days, columns=self.columns, announce=tell
            )
            rows = [Row(what=question.what, rows=filled.measurements) for question in questions()]
            self._ask(url, rows, announce)
            tell(WRITE)
            rows += self._write(url, filled.measurements)
            return [*rows, *_sizes(filled)]

    def _ask(self, url: str, rows: Sequence[Row], announce: Announce) -> None:
        """Ask each query once for its plan, then all in turn."""
        shutil.rmtree(self.plans, ignore_errors=True)
        self.plans.mkdir(parents=True)
        asked = list(zip(questions(), rows, strict=True))
        with closing(psycopg2.connect(libpq(url_as(url, "monitoring_reader")))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                for question, row in asked:
                    announce(Trial(what=question.what, stages=[], rows=row.rows), 0)
                    name = re.sub(r"\W+", "-", question.what)
                    (self.plans / f"{name}.txt").write_text(_plan(cursor, question))
                for number in range(self.rounds):
                    for question, row in asked:
                        announce(Trial(what=question.what, stages=[], rows=row.rows), number)
                        row.costs.append(_timed(partial(_answer, cursor, question)))

    def _write(self, url: str, size: int) -> Iterator[Row]:
        """Write windows that were not there before, then more without our indexes."""
        measurements = measured(self.columns)
        sink = PostgresSink(url_as(url, "monitoring_writer"))
        for what in (WRITE, WRITE_BARE):
            if what == WRITE_BARE:
                _drop_indexes(url)
            costs = [
                _timed(partial(sink.write, _evaluation(f"{what} {number}", measurements)))
                for number in range(self.rounds + 1)
            ][1:]
            note = f"{len(measurements)} measurements"
            yield Row(what=what, rows=size, note=note, costs=costs)


def _sizes(filled: Filled) -> Iterator[Row]:
    """Tell the bytes in rows without times."""
    for how, sizes in filled.sizes.items():
        told = ", ".join(
            f"{name.removeprefix('monitoring.')} {size:.1f}" for name, size in sizes.items()
        )
        yield Row(what=f"bytes a measurement, indexes {how}", rows=filled.measurements, note=told)


@contextmanager
def _server() -> Iterator[str]:
    """Yield the URL of a new, migrated database as superuser; its files go with the server."""
    with running_server() as server:
        for setting in _SETTINGS:
            _execute(server.url("postgres"), f"ALTER SYSTEM SET {setting}")
        server.stop("fast")
        server.start()
        url = server.url(server.create_database())
        migrate(url)
        yield url


def _drop_indexes(url: str) -> None:
    for name in INDEXES:
        _execute(url, f"DROP INDEX monitoring.{name}")


def _execute(url: str, statement: str) -> None:
    with closing(psycopg2.connect(libpq(url))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)


def _answer(cursor: Cursor, question: Question) -> int:
    cursor.execute(question.sql, question.values)
    return len(cursor.fetchall())


def _plan(cursor: Cursor, question: Question) -> str:
    head = [f"-- {question.what}: {_answer(cursor, question)} rows", question.sql, ""]
    cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {question.sql}", question.values)
    return "\n".join([*head, *(row[0] for row in cursor)])


def _evaluation(monitor: str, measurements: Sequence[Measurement]) -> Evaluation:
    return Evaluation(
        monitor=monitor,
        model=ModelRef(name="written", version="1"),
        window=DAY,
        status=Status.WARNING,
        rows=RowCounts(current=5000, reference=5000),
        reference_id="0" * 32,
        spec_hash="0" * 32,
        code_version="0",
        attempt=monitor,
        computed_at=DAY.end,
        measurements=tuple(measurements),
    )


def _timed(ask: Callable[[], object]) -> Cost:
    processor, began = time.process_time(), time.perf_counter()
    ask()
    seconds, used = time.perf_counter() - began, time.process_time() - processor
    # The server's processor time is not in it, as with the other services.
    return Cost(seconds, used, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)
