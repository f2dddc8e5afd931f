"""What dashboards ask, with what Grafana puts for a choice or for the time range."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from monitoring_dashboards import conditions, data_drift, fleet_overview, variables
from monitoring_jobs.results import Status
from tests.fixtures.dashboard_results import Board
from tests.fixtures.evaluations import day, drift
from tests.fixtures.postgres import rows

NAMES = ["plain", "it's", '5" pipe', "100 % \\ <b>", 'a\\"b', ""]


def sqlstring(values: Sequence[str]) -> str:
    """Return what Grafana makes of ``${name:sqlstring}``: it escapes quotes of both kinds."""
    quoted = (value.replace("'", "''").replace('"', '\\"') for value in values)
    return ",".join(f"'{value}'" for value in quoted)


def found(reader_url: str, condition: str, chosen: Sequence[str]) -> set[str]:
    """Return which of all names a condition on ``name`` keeps."""
    names = ", ".join(f"($name${name}$name$)" for name in NAMES)
    where = re.sub(r"\$\{\w+:sqlstring\}", lambda _: sqlstring(chosen), condition)
    statement = f"SELECT name FROM (VALUES {names}) AS known (name) WHERE {where}"
    return {name for (name,) in rows(reader_url, statement)}


def test_a_chosen_name_is_found_whatever_it_is_made_of(reader_url: str) -> None:
    condition = conditions.among("name", "name")

    assert found(reader_url, condition, NAMES) == set(NAMES)
    assert [found(reader_url, condition, [name]) for name in NAMES] == [{name} for name in NAMES]
    assert found(reader_url, condition, []) == set()


def test_a_chosen_segment_is_found_whatever_it_is_made_of(reader_url: str) -> None:
    condition = conditions.SEGMENT.replace("segment =", "name =")

    assert [found(reader_url, condition, [name]) for name in NAMES] == [{name} for name in NAMES]


@pytest.mark.parametrize(
    ("windows", "first"),
    [
        ([(1, 8), (2, 9)], 1),
        ([(6, 7), (7, 8)], 7),
        ([(6, 13), (7, 14)], 7),
    ],
    ids=["overlapping", "one after the other", "none ends in the time range"],
)
def test_the_newest_window_is_the_one_that_the_time_range_ends_with(
    reader_url: str, windows: Sequence[tuple[int, int]], first: int
) -> None:
    values = ", ".join(
        f"('2026-11-{start:02}Z'::timestamptz, '2026-11-{end:02}Z'::timestamptz)"
        for start, end in windows
    )
    order = conditions.NEWEST_FIRST.replace("$__timeTo()", "'2026-11-08T00:00:00Z'")
    statement = (
        "SELECT extract(DAY FROM window_start AT TIME ZONE 'UTC')::integer "
        f"FROM (VALUES {values}) AS known (window_start, window_end) ORDER BY {order} LIMIT 1"
    )

    assert rows(reader_url, statement) == [(first,)]


def asked(page: Any, kind: str, **chosen: Sequence[str]) -> list[str]:
    """Return the queries of a dashboard's panels of one kind, for the first two test days."""
    span = f"'{day(0).start.isoformat()}' AND '{day(1).end.isoformat()}'"
    queries = []
    for panel in page.panels:
        if panel.type_val == kind:
            [target] = panel.targets
            text = target.to_json()["rawSql"]
            text = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN {span}", text)
            text = text.replace("$__timeTo()", f"'{day(1).end.isoformat()}'")
            for name, values in chosen.items():
                text = text.replace(f"${{{name}:sqlstring}}", sqlstring(values))
            queries.append(text)
    return queries


def test_a_fleet_that_never_ran_says_so_instead_of_being_well(reader_url: str) -> None:
    queries = asked(fleet_overview.dashboard(), "stat", owner=[""])

    assert [rows(reader_url, query) for query in queries] == [[], []]


def test_the_models_own_answer_is_not_counted_among_the_features(board: Board) -> None:
    columns = [drift(name, "psi", 0.4, 0.1, drifted=name != "b") for name in "abc"]
    answer = replace(columns[2], detail={**columns[2].detail, "role": "prediction"})
    board.write("answers", 0, Status.WARNING, *columns[:2], answer)
    chosen = {"monitor": ["answers"], "segment": [""], "version": ["3"], "feature": "abc"}
    [query] = asked(data_drift.dashboard(), "piechart", **chosen)

    assert rows(board.reader, query) == [(1, 1, 0)]


def test_a_dashboard_opens_with_the_worst_monitor_that_is_still_there(board: Board) -> None:
    board.write("removed_while_it_failed", 0, Status.FAILED)
    rows(board.owner, "INSERT INTO removed_monitor (monitor) VALUES ('removed_while_it_failed')")
    board.write("well", 0, Status.OK)
    board.write("failing", 0, Status.FAILED)
    statement = str(variables.monitor().build().query)
    names = [name for (name,) in rows(board.reader, statement)]

    assert names[0] == "failing"
    assert names[-2:] == ["well", "removed_while_it_failed"]
