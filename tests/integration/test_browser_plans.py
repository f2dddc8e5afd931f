"""Lists read what they show, however many windows there are: seen in Postgres' own plans."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own name

from monitoring_jobs.browser import queries
from monitoring_jobs.browser.values import Filters, Span
from monitoring_jobs.database import reading
from monitoring_jobs.results import DagRunRef
from monitoring_jobs.windows import Window
from tests.fixtures.many_evaluations import write_many

SHAPES = {"one monitor": (1, 20_000), "a thousand monitors": (1000, 20), "most": (4000, 5)}
DEEP = Window(datetime(2026, 11, 20, 19, tzinfo=UTC), datetime(2026, 11, 20, 20, tzinfo=UTC))
SPAN = Span(after=datetime(2026, 11, 1, tzinfo=UTC), by=datetime(2026, 11, 20, 22, tzinfo=UTC))
NAMES = [f"monitor_{number:05}" for number in range(1, 51)]


class Explaining:
    """A cursor that runs each statement for its plan, and returns no row."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self.plans: list[dict[str, Any]] = []

    def execute(self, statement: str, values: dict[str, Any]) -> None:
        self._cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", values)
        row = self._cursor.fetchone()
        assert row is not None
        self.plans.append(row[0][0]["Plan"])

    def fetchall(self) -> list[Any]:
        return []

    def fetchone(self) -> None:
        return None


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def rows_read(plan: dict[str, Any]) -> float:
    """Return how many rows were taken from tables and indexes, those filtered away included."""
    scanned = 0.0
    for node in nodes(plan):
        if "Relation Name" in node:
            each = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
            scanned += each * node["Actual Loops"]
    return scanned


@pytest.fixture(scope="module", params=list(SHAPES))
def shape(
    request: pytest.FixtureRequest, postgres_server: Any, _migrated_template: str
) -> Iterator[tuple[int, str]]:
    """How many monitors a database has, and its URL as reader."""
    monitors, windows = SHAPES[request.param]
    name = postgres_server.create_database(template=_migrated_template)
    write_many(postgres_server.url(name), monitors=monitors, windows=windows)
    yield monitors, postgres_server.url(name, user="monitoring_reader")
    postgres_server.drop_database(name)


def plan_of(url: str, ask: Callable[[Cursor], object]) -> dict[str, Any]:
    with reading(url) as cursor:
        explaining = Explaining(cursor)
        ask(cast("Cursor", explaining))
    [plan] = explaining.plans
    return plan


LISTS: dict[str, Callable[[Cursor], object]] = {
    "first page": lambda cursor: queries.evaluations(cursor, Filters(), None, 51),
    "deep page": lambda cursor: queries.evaluations(cursor, Filters(), ("monitor_00001", DEEP), 51),
    "span": lambda cursor: queries.evaluations(cursor, Filters(span=SPAN), None, 51),
    "windows": lambda cursor: queries.windows(cursor, "monitor_00001", limit=51),
    "deep windows": lambda cursor: queries.windows(cursor, "monitor_00001", behind=DEEP, limit=51),
    "newest": lambda cursor: queries.newest(cursor, NAMES, Span()),
    "trends": lambda cursor: queries.trends(cursor, NAMES, Span()),
    "evaluation": lambda cursor: queries.evaluation(cursor, "monitor_00001", DEEP),
    "failed at": lambda cursor: queries.failed_at(cursor, "monitor_00001"),
    "failed attempts": lambda cursor: queries.failed_attempts(cursor, "monitor_00001"),
    "window's attempts": lambda cursor: queries.window_attempts(cursor, "monitor_00001", DEEP),
    "run's attempts": lambda cursor: queries.run_attempts(
        cursor, DagRunRef(dag_id="monitor__monitor_00001", run_id="x")
    ),
    "run's windows": lambda cursor: queries.windows_of(cursor, "monitor_00001", [DEEP]),
}


@pytest.mark.parametrize("name", list(LISTS))
def test_pages_read_no_more_than_they_show(shape: tuple[int, str], name: str) -> None:
    _, url = shape
    plan = plan_of(url, LISTS[name])
    assert rows_read(plan) <= 50 * 30 + 2
    assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"]


def test_standings_step_from_monitor_to_monitor(shape: tuple[int, str]) -> None:
    """Two rows of the index for each monitor, and one for each that ever failed."""
    monitors, url = shape
    plan = plan_of(url, lambda cursor: queries.standings(cursor, Span()))
    assert rows_read(plan) <= 3 * monitors + 3
    assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"]


def test_standings_of_a_span_look_once_more_at_each_monitor(shape: tuple[int, str]) -> None:
    """Where the newest window or the newest error lies behind the span."""
    monitors, url = shape
    plan = plan_of(url, lambda cursor: queries.standings(cursor, SPAN))
    assert rows_read(plan) <= 5 * monitors + 3
    assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"]
