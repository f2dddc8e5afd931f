"""Runs all that a dashboard asks: variables, annotations and every query of every panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from tests.grafana.asking import ask_variable
from tests.grafana.formats import promql_default, sql_default, text_default
from tests.grafana.frames import Frame
from tests.grafana.interpolation import Chosen, Scope, builtins, interpolate
from tests.grafana.loading import POSTGRES, PROMETHEUS, Dashboard, Panel, Query
from tests.grafana.macros import expand_macros
from tests.grafana.postgres_source import PostgresSource
from tests.grafana.problems import Problem, QueryFailed
from tests.grafana.prometheus_source import PrometheusSource
from tests.grafana.time_range import TimeRange, parse_duration, parse_range
from tests.grafana.transformations import letter_values, transform
from tests.grafana.variables import Resolved, resolve

_POINTS = 1000
_DASHBOARD = "-- Dashboard --"


@dataclass(frozen=True)
class Sources:
    """Both datasources, and the time at which somebody looks.

    Attributes:
        postgres: As the role that Grafana is.
        prometheus: Filled by the jobs.
        now: What ``now`` is.
    """

    postgres: PostgresSource
    prometheus: PrometheusSource
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True)
class PanelResult:
    """What the queries of a panel returned."""

    panel: Panel
    frames: tuple[Frame, ...]
    problems: tuple[Problem, ...]
    scope: Scope
    span: TimeRange


@dataclass(frozen=True)
class Opened:
    """A dashboard as somebody sees it.

    Attributes:
        dashboard: The file.
        span: The time range.
        variables: What is chosen.
        panels: Panels with what they show, rows among them.
        annotations: Name and rows of each.
        problems: Those of the variables and annotations.
    """

    dashboard: Dashboard
    span: TimeRange
    variables: Mapping[str, Resolved]
    panels: Sequence[PanelResult]
    annotations: Sequence[tuple[Mapping[str, Any], Sequence[Frame]]]
    problems: Sequence[Problem]


def open_dashboard(
    dashboard: Dashboard,
    sources: Sources,
    *,
    picks: Mapping[str, str] | None = None,
    start: str | None = None,
) -> Opened:
    """Run everything that Grafana runs when a dashboard is opened.

    Args:
        dashboard: The file.
        sources: The datasources.
        picks: What somebody has chosen, by variable, instead of what it opens with.
        start: Beginning of the time range, instead of the dashboard's own.
    """
    times = dashboard.model.get("time") or {"from": "now-6h", "to": "now"}
    span = parse_range(start or times["from"], times["to"], sources.now)
    own = {"__dashboard": Chosen(dashboard.title)}
    try:
        variables = resolve(
            dashboard.variables,
            {**builtins(span, span.interval(_POINTS), 60.0), **own},
            lambda model, scope: ask_variable(
                model, scope, sources.postgres, sources.prometheus, span
            ),
            picks or {},
        )
    except ValueError as exc:
        return Opened(dashboard, span, {}, [], [], [Problem("variables", str(exc))])
    scope = {**own, **{name: each.chosen for name, each in variables.items()}}
    values = {name: each.values for name, each in variables.items()}
    panels = [
        run_panel(panel, scope, sources, span, dashboard) for panel in dashboard.expanded(values)
    ]
    annotations, problems = _annotations(dashboard, scope, sources, span)
    return Opened(dashboard, span, variables, panels, annotations, problems)


def run_panel(
    panel: Panel, scope: Scope, sources: Sources, span: TimeRange, dashboard: Dashboard
) -> PanelResult:
    """Run the queries of a panel."""
    scope = {**scope, **{name: Chosen(value) for name, value in panel.chosen.items()}}
    if relative := panel.model.get("timeFrom"):
        span = parse_range(relative if "now" in relative else f"now-{relative}", "now", sources.now)
    frames: list[Frame] = []
    problems: list[Problem] = []
    for query in panel.queries:
        try:
            frames += run_query(query, panel.model, scope, sources, span, dashboard)
        except (QueryFailed, ValueError) as exc:
            reason = f"{type(exc).__name__}: {exc}"
            problems.append(Problem(_where(panel, query), reason, query.text))
    return PanelResult(panel, tuple(frames), tuple(problems), scope, span)


def transformed(result: PanelResult) -> PanelResult:
    """Return a result as the panel gets it, after its transformations."""
    steps = result.panel.model.get("transformations") or []
    return replace(result, frames=tuple(transform(letter_values(result.frames), steps)))


def run_query(
    query: Query,
    panel: Mapping[str, Any],
    scope: Scope,
    sources: Sources,
    span: TimeRange,
    dashboard: Dashboard | None = None,
) -> list[Frame]:
    """Run one query.

    Raises:
        QueryFailed: The datasource refused it.
        ValueError: A variable, format or macro is unknown.
    """
    if query.datasource == POSTGRES:
        return _run_sql(query, panel, scope, sources, span)
    if query.datasource == PROMETHEUS:
        return _run_promql(query, panel, scope, sources, span)
    if query.datasource == _DASHBOARD and dashboard is not None:
        source = next(
            one for one in dashboard.panels if one.model.get("id") == query.model["panelId"]
        )
        return [
            frame
            for other in source.queries
            for frame in run_query(other, source.model, scope, sources, span, dashboard)
        ]
    raise QueryFailed(f"there is no datasource {query.datasource}")


def _run_sql(
    query: Query, panel: Mapping[str, Any], scope: Scope, sources: Sources, span: TimeRange
) -> list[Frame]:
    interval = span.interval(_points(panel), _least(panel, query) or 0.0)
    everything = {**builtins(span, interval, interval), **scope}
    sql = expand_macros(interpolate(query.text, everything, sql_default), span)
    return sources.postgres.run(sql, query.ref_id, str(query.model.get("format") or "table"))


def _run_promql(
    query: Query, panel: Mapping[str, Any], scope: Scope, sources: Sources, span: TimeRange
) -> list[Frame]:
    source = sources.prometheus
    span = source.span(span)
    least = _least(panel, query)
    step = source.step(span, _points(panel), least)
    own = builtins(span, step, source.rate_interval(step, least))
    expr = interpolate(query.text, {**own, **scope}, promql_default)
    legend = interpolate(
        str(query.model.get("legendFormat") or ""), {**own, **scope}, text_default, later=True
    )
    model = {**query.model, "expr": expr, "legendFormat": legend, "refId": query.ref_id}
    return source.run(expr, model, span, step)


def _points(panel: Mapping[str, Any]) -> int:
    return int(panel.get("maxDataPoints") or _POINTS)


def _least(panel: Mapping[str, Any], query: Query) -> float | None:
    given = query.model.get("interval") or panel.get("interval")
    return parse_duration(str(given)) if given else None


def _annotations(
    dashboard: Dashboard, scope: Scope, sources: Sources, span: TimeRange
) -> tuple[list[tuple[Mapping[str, Any], Sequence[Frame]]], list[Problem]]:
    found: list[tuple[Mapping[str, Any], Sequence[Frame]]] = []
    problems: list[Problem] = []
    for annotation in dashboard.annotations:
        target = {"refId": "annotation", **(annotation.get("target") or annotation)}
        query = Query("annotation", str(annotation["datasource"]["uid"]), target)
        where = f"annotation {annotation['name']!r}"
        try:
            frames = run_query(query, {}, scope, sources, span)
        except (QueryFailed, ValueError) as exc:
            problems.append(Problem(where, f"{type(exc).__name__}: {exc}", query.text))
            continue
        found.append((annotation, frames))
        problems += [Problem(where, reason, query.text) for reason in _annotation_lacks(frames)]
    return found, problems


def _annotation_lacks(frames: Sequence[Frame]) -> list[str]:
    if not any(frame.rows for frame in frames):
        return ["empty"]
    timeless = any("time" not in [one.name.lower() for one in frame.fields] for frame in frames)
    return ["no column is called time"] if timeless else []


def _where(panel: Panel, query: Query) -> str:
    repeated = ", ".join(f"{name}={value}" for name, value in panel.chosen.items())
    return f"panel {panel.title!r}{f' ({repeated})' if repeated else ''} query {query.ref_id}"
