"""What panels, variables and annotations ask: SQL of Postgres, PromQL of Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import cleandoc
from string import ascii_uppercase
from typing import Literal

from grafana_foundation_sdk.builders import prometheus
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.runtime import UnknownDataquery
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

# The uids under which grafana/provisioning/datasources makes them.
POSTGRES = DataSourceRef(type_val="grafana-postgresql-datasource", uid="postgres-datasource")
PROMETHEUS = DataSourceRef(type_val="prometheus", uid="prometheus-datasource")


@dataclass(frozen=True, slots=True)
class SqlTarget:
    """A query of the results database; see :func:`sql` and :func:`series`."""

    query: str
    shape: Literal["table", "time_series"]
    datasource = POSTGRES

    def lettered(self, ref_id: str) -> Builder[Dataquery]:
        """Return the query as Grafana keeps it, under a letter of its panel."""
        return _Built(
            UnknownDataquery(
                {
                    "datasource": self.datasource.to_json(),
                    "editorMode": "code",
                    "format": self.shape,
                    "rawQuery": True,
                    "rawSql": self.query,
                    "refId": ref_id,
                }
            )
        )


@dataclass(frozen=True, slots=True)
class PromTarget:
    """A query of Prometheus; see :func:`promql` and :func:`instant`."""

    expression: str
    legend: str
    is_instant: bool
    shape: PromQueryFormat
    datasource = PROMETHEUS

    def lettered(self, ref_id: str) -> Builder[Dataquery]:
        """Return the query as Grafana keeps it, under a letter of its panel."""
        query = (
            prometheus.Dataquery()
            .ref_id(ref_id)
            .expr(self.expression)
            .legend_format(self.legend)
            .format(self.shape)
            .datasource(self.datasource)
        )
        return query.instant() if self.is_instant else query.range()


Target = SqlTarget | PromTarget


def sql(query: str) -> SqlTarget:
    """Return a query whose rows a table, stat, bar or pie panel shows as they come."""
    return SqlTarget(cleandoc(query), "table")


def series(query: str) -> SqlTarget:
    """Return a query of time series.

    Args:
        query: Gives ``time`` (ascending), ``metric`` (text, the name of the series) and ``value``;
            Grafana names each series after its metric where these three are all there is.
    """
    return SqlTarget(cleandoc(query), "time_series")


def promql(expression: str, *, legend: str) -> PromTarget:
    """Return a query over the dashboard's time range.

    Args:
        expression: PromQL; ``$__rate_interval`` for rates.
        legend: The name of a series; ``{{label}}`` gives a label's value.
    """
    return PromTarget(expression, legend, is_instant=False, shape=PromQueryFormat.TIME_SERIES)


def instant(expression: str, *, legend: str, as_table: bool = False) -> PromTarget:
    """Return a query of what is true at the end of the time range, for stats, bars and tables."""
    shape = PromQueryFormat.TABLE if as_table else PromQueryFormat.TIME_SERIES
    return PromTarget(expression, legend, is_instant=True, shape=shape)


def lettered(targets: Sequence[Target]) -> list[Builder[Dataquery]]:
    """Return the queries of one panel, called A, B, C ... in their order."""
    return [
        target.lettered(letter) for letter, target in zip(ascii_uppercase, targets, strict=False)
    ]


@dataclass(frozen=True, slots=True)
class _Built(Builder[Dataquery]):
    """The SDK knows no SQL query; this carries one where it asks for a builder."""

    query: Dataquery

    def build(self) -> Dataquery:
        return self.query
