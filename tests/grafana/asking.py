"""Asks the datasources for the options of query variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.grafana.formats import promql_default, sql_default
from tests.grafana.frames import Frame, Kind
from tests.grafana.interpolation import Scope, interpolate
from tests.grafana.loading import POSTGRES, PROMETHEUS
from tests.grafana.macros import expand_macros
from tests.grafana.postgres_source import PostgresSource
from tests.grafana.problems import QueryFailed
from tests.grafana.prometheus_source import PrometheusSource
from tests.grafana.time_range import TimeRange
from tests.grafana.variables import Option, prometheus_lookup


def ask_variable(
    model: Mapping[str, Any],
    scope: Scope,
    postgres: PostgresSource,
    prometheus: PrometheusSource,
    span: TimeRange,
) -> Sequence[Option]:
    """Run the query of a variable.

    Raises:
        QueryFailed: The datasource refused it.
        ValueError: A variable, format or macro is unknown.
    """
    query, uid = model["query"], (model.get("datasource") or {}).get("uid")
    text = query if isinstance(query, str) else query.get("query") or query.get("rawSql") or ""
    if uid == POSTGRES:
        sql = expand_macros(interpolate(text, scope, sql_default), span)
        return _sql_options(postgres.run(sql, str(model["name"]), "table")[0])
    if uid != PROMETHEUS:
        raise QueryFailed(f"there is no datasource {uid}")
    asked = prometheus_lookup(interpolate(text, scope, promql_default))
    span = prometheus.span(span)
    if asked.label:
        found = prometheus.label_values(asked.metric, asked.label, span)
        return [Option(value, value) for value in found]
    instant = {"refId": "variable", "expr": asked.expr, "instant": True}
    frames = prometheus.run(asked.expr, instant, span, 1.0)
    names = [field.legend or "" for frame in frames for field in frame.of(Kind.NUMBER)]
    return [Option(name, name) for name in names]


def _sql_options(frame: Frame) -> list[Option]:
    """Make options of rows: from the columns __text and __value, or from all columns alike."""
    columns = {field.name: field.values for field in frame.fields}
    if "__value" in columns:
        texts = columns.get("__text", columns["__value"])
        pairs = zip(texts, columns["__value"], strict=True)
        return [Option(_shown(text), _shown(value)) for text, value in pairs]
    rows = (value for field in frame.fields for value in field.values)
    return [Option(_shown(value), _shown(value)) for value in rows if value is not None]


def _shown(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None else str(value)
