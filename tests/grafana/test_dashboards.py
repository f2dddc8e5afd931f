"""Every query of every dashboard and alert rule, on what the demo's jobs have written.

One file, and so one process of pytest-xdist: one Prometheus serves all of it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from monitoring_jobs.doctor.expected import DASHBOARDS
from tests.fixtures.airflow_stack import AirflowStack
from tests.fixtures.postgres import rows
from tests.grafana.alert_rules import rule_problems
from tests.grafana.checking import dashboard_problems
from tests.grafana.colors import LIGHT
from tests.grafana.drawing import draw
from tests.grafana.execution import Sources, open_dashboard
from tests.grafana.formats import sql_default
from tests.grafana.interpolation import Chosen, interpolate
from tests.grafana.loading import (
    POSTGRES,
    PROMETHEUS,
    AlertRule,
    Dashboard,
    dashboard_files,
    read_alert_rules,
    read_dashboard,
)
from tests.grafana.problems import described
from tests.grafana.rarities import copied_results
from tests.grafana.serving import Filled, live_sources

FILES = dashboard_files()
RULES = read_alert_rules()


@pytest.fixture(scope="module")
def reader(airflow_stack: AirflowStack) -> Iterator[str]:
    with copied_results(airflow_stack.results, airflow_stack.reports) as url:
        yield url


@pytest.fixture(scope="module")
def sources(
    airflow_stack: AirflowStack, reader: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Sources]:
    targets = {"pushgateway": [urlsplit(airflow_stack.pushgateway).netloc]}
    filled = Filled(reader, airflow_stack.mlflow, targets)
    with live_sources(filled, tmp_path_factory.mktemp("grafana")) as live:
        yield live


@pytest.fixture(scope="module")
def dashboards() -> Mapping[str, Dashboard]:
    every = [read_dashboard(path) for path in FILES]
    return {dashboard.uid: dashboard for dashboard in every}


def test_all_dashboards_are_there(dashboards: Mapping[str, Dashboard]) -> None:
    assert dashboards.keys() == DASHBOARDS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_query_of_a_dashboard_returns_what_its_panel_needs(
    path: Path, sources: Sources, dashboards: Mapping[str, Dashboard]
) -> None:
    dashboard = read_dashboard(path)
    problems = dashboard_problems(dashboard, sources, dashboards)
    assert not problems, f"{path.name}\n{described(problems)}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dashboard_can_be_drawn(path: Path, sources: Sources) -> None:
    opened = open_dashboard(read_dashboard(path), sources)
    page = draw(opened, LIGHT, "", sources.now.timestamp())
    drawn = [result for result in opened.panels if result.panel.kind != "row"]
    assert page.count('<div class="panel"') == len(drawn)
    assert "class=problem" not in page


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.model["uid"]))
def test_every_query_of_an_alert_rule_returns_what_the_rule_needs(
    rule: AlertRule, sources: Sources
) -> None:
    problems = rule_problems(rule, sources)
    assert not problems, f"{rule.path.name}\n{described(problems)}"


def test_queries_run_as_the_role_of_the_dashboards(reader: str) -> None:
    assert rows(reader, "SELECT current_user::text") == [("monitoring_reader",)]


def test_postgres_reads_back_what_was_quoted(reader: str) -> None:
    hostile = ("it's", "'; DROP TABLE x; --", "back\\slash", "", "${one}", "ünï'cödé")
    scope = {"v": Chosen(hostile, several=True)}
    sql = interpolate("SELECT v FROM unnest(ARRAY[$v]) AS v", scope, sql_default)
    assert [value for (value,) in rows(reader, sql)] == list(hostile)


def _sql(query: str, **more: Any) -> dict[str, Any]:
    target = {"refId": "A", "rawSql": query, "format": "table", **more}
    return {"type": "table", "datasource": {"uid": POSTGRES}, "targets": [target]}


def _promql(query: str, **more: Any) -> dict[str, Any]:
    target = {"refId": "A", "expr": query, "range": True, **more}
    return {"type": "timeseries", "datasource": {"uid": PROMETHEUS}, "targets": [target]}


def _linked(url: str) -> dict[str, Any]:
    field = {"defaults": {"links": [{"title": "more", "url": url}]}}
    return {**_sql("SELECT 1 AS a"), "fieldConfig": field}


def _overridden(kind: str, name: str) -> dict[str, Any]:
    override = {
        "matcher": {"id": kind, "options": name},
        "properties": [{"id": "unit", "value": "s"}],
    }
    return {**_sql("SELECT 1 AS a"), "fieldConfig": {"overrides": [override]}}


SERIES = {"format": "time_series"}
NOTICED = {
    "fine": (_sql("SELECT monitor FROM monitor_status WHERE $__timeFilter(computed_at)"), None),
    "fine in prometheus": (_promql("rate(api_requests_total[$__rate_interval])"), None),
    "broken": (_sql("SELECT monitors FROM monitor_status"), 'column "monitors" does not exist'),
    "broken in prometheus": (_promql("rate(up"), "unclosed left parenthesis"),
    "not for the reader": (_sql("SELECT * FROM evaluation"), "permission denied"),
    "writing": (_sql("CREATE TABLE a (b integer)"), "read-only transaction"),
    "empty": (_sql("SELECT monitor FROM monitor_status WHERE false"), "empty: no rows"),
    "empty in prometheus": (_promql("up > 1"), "empty: no rows"),
    "nulls": (_sql("SELECT NULL::float AS a"), "empty: no values"),
    "macro": (_sql("SELECT 1 WHERE $__timefilter(now())"), "unknown macro $__timefilter"),
    "variable": (_sql("SELECT '$monitr' AS a"), "$monitr is no variable"),
    "format": (_sql("SELECT ${monitor:sqlsting} AS a"), "unknown format 'sqlsting'"),
    "interval": (_promql("rate(up[$__rate_intervall])"), "$__rate_intervall is no variable"),
    "no time": (_sql("SELECT 1 AS a", **SERIES), "no column is called time"),
    "order": (
        _sql("SELECT now() - a * interval '1h' AS time, a FROM generate_series(1, 3) a", **SERIES),
        "not in the order of time",
    ),
    "same series": (
        _sql("SELECT now() AS time, 'a' AS metric, a FROM generate_series(1, 2) AS a", **SERIES),
        "two rows are of one time and one series",
    ),
    "legend": (_promql("up", legendFormat="{{monitor_name}}"), "its legend says {{monitor_name}}"),
    "override": (_overridden("byName", "b"), "no field is byName 'b'"),
    "pattern": (_overridden("byRegexp", "/^b/"), "no field is byRegexp '/^b/'"),
    "column of a link": (_linked("/x/${__data.fields.b}"), "has no column 'b'"),
    "dashboard of a link": (_linked("/d/fleet?var-a=1"), "there is no dashboard fleet"),
    "variable of a link": (_linked("/d/tried?var-b=1"), "dashboard tried has no variable b"),
    "datasource": (
        {**_sql("SELECT 1 AS a"), "datasource": {"uid": "elsewhere"}},
        "there is no datasource elsewhere",
    ),
    "transformation": (
        {**_sql("SELECT 1 AS a"), "transformations": [{"id": "histogram"}]},
        "knows no transformation histogram",
    ),
    "kind": ({**_sql("SELECT 1 AS a"), "type": "geomap"}, "knows no panels of type geomap"),
}  # fmt: skip


@pytest.mark.parametrize(("panel", "reason"), NOTICED.values(), ids=NOTICED)
def test_what_is_wrong_with_a_panel_is_noticed(
    panel: Mapping[str, Any], reason: str | None, sources: Sources
) -> None:
    dashboard = _tried(panel)
    problems = dashboard_problems(dashboard, sources, {"tried": dashboard})
    assert [reason in str(problem) for problem in problems if reason] == [True] * bool(reason)


def test_a_variable_that_errs_is_noticed(sources: Sources) -> None:
    dashboard = _tried(_sql("SELECT 1 AS a"), query="SELECT nothing FROM monitor_status")
    (problem,) = dashboard_problems(dashboard, sources, {"tried": dashboard})
    assert "variable monitor: QueryFailed: column" in problem.reason


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT at FROM model_events WHERE $__timeFilter(at)", None),
        ("SELECT at FROM model_events WHERE false", "empty"),
        ("SELECT text FROM model_events", "no column is called time"),
        ("SELECT at FROM model_event", "does not exist"),
    ],
)
def test_what_is_wrong_with_an_annotation_is_noticed(
    query: str, reason: str | None, sources: Sources
) -> None:
    dashboard = _tried(_sql("SELECT 1 AS a"))
    annotation = {
        "name": "events",
        "datasource": {"uid": POSTGRES},
        "target": {"rawSql": query.replace("at FROM", "at AS time FROM", 1), "refId": "A"},
    }
    model = {**dashboard.model, "annotations": {"list": [annotation]}}
    dashboard = Dashboard(dashboard.path, model)
    problems = dashboard_problems(dashboard, sources, {"tried": dashboard})
    assert [reason in problem.reason for problem in problems if reason] == [True] * bool(reason)


BROKEN_RULES = {
    "fine": ("SELECT monitor, 1.0 AS value FROM monitor_status", "B", "A", []),
    "condition": ("SELECT 1.0 AS value", "C", "A", ["its condition is 'C'"]),
    "input": ("SELECT 1.0 AS value", "B", "X", ["reads 'X', which is no other step"]),
    "query": ("SELECT value", "B", "A", ['column "value" does not exist']),
    "variable": ("SELECT $monitor AS value", "B", "A", ["$monitor is no variable"]),
    "empty": ("SELECT 1.0 AS value WHERE false", "B", "A", ["empty: no rows"]),
    "words": ("SELECT 'a' AS a", "B", "A", ["no column of numbers"]),
    "twice": (
        "SELECT 'a' AS a, b FROM generate_series(1, 2) AS b",
        "B",
        "A",
        ["two rows have the same labels"],
    ),
    "two numbers": ("SELECT 1 AS a, 2 AS b", "B", "A", ["has one column of numbers"]),
}


@pytest.mark.parametrize(
    ("query", "condition", "read", "reasons"), BROKEN_RULES.values(), ids=BROKEN_RULES
)
def test_what_is_wrong_with_an_alert_rule_is_noticed(
    query: str, condition: str, read: str, reasons: list[str], sources: Sources
) -> None:
    asked = {"refId": "A", "datasourceUid": POSTGRES, "model": {"rawSql": query, "format": "table"}}
    compared = {
        "refId": "B",
        "datasourceUid": "__expr__",
        "model": {"type": "threshold", "expression": read},
    }
    rule = AlertRule(
        Path("rules.yaml"), {"title": "tried", "condition": condition, "data": [asked, compared]}
    )
    problems = rule_problems(rule, sources)
    assert len(problems) == len(reasons)
    assert all(text in str(one) for text, one in zip(reasons, problems, strict=True))


def _tried(
    panel: Mapping[str, Any], query: str = "SELECT monitor FROM monitor_status"
) -> Dashboard:
    variable = {
        "type": "query",
        "name": "monitor",
        "query": query,
        "datasource": {"uid": POSTGRES},
    }
    place = {"x": 0, "y": 0, "w": 12, "h": 8}
    model = {
        "uid": "tried",
        "title": "Tried",
        "time": {"from": "now-30d", "to": "now"},
        "templating": {"list": [variable]},
        "panels": [{"title": "panel", "gridPos": place, **panel}],
    }
    return Dashboard(Path("tried.json"), json.loads(json.dumps(model)))
