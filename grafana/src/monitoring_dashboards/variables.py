"""What a person chooses at the top of a dashboard, and the addresses that links begin with."""

from __future__ import annotations

from inspect import cleandoc

from grafana_foundation_sdk.builders.dashboard import QueryVariable
from grafana_foundation_sdk.models.dashboard import (
    VariableHide,
    VariableModel,
    VariableRefresh,
    VariableSort,
)

from monitoring_dashboards import statuses
from monitoring_dashboards.addresses import AIRFLOW, MLFLOW
from monitoring_dashboards.conditions import IN_RANGE, MONITOR, MONITORS
from monitoring_dashboards.targets import POSTGRES

# One measurement of each segment, and of each column, of a window: reading a view's choices from
# them costs a fraction of reading the view.
_QUALITY = "check_name = 'quality' AND metric"
_WITH_SEGMENTS = {
    "column_drift": "check_name = 'drift' AND metric = 'drifted_share' AND column_name = ''",
    "column_quality": f"{_QUALITY} = 'rows' AND column_name = ''",
    "window_quality": f"{_QUALITY} = 'rows' AND column_name = ''",
    "performance": "check_name = 'performance' AND metric = 'label_coverage' AND column_name = ''",
}
_WITH_COLUMNS = {
    "column_drift": "check_name = 'drift' AND column_name <> ''",
    "column_quality": f"{_QUALITY} = 'missing_share'",
}


def query(name: str, label: str, description: str, statement: str) -> QueryVariable:
    """Return a variable whose choices Postgres gives, in the order of the rows.

    Args:
        name: What queries call it.
        label: What a person reads.
        description: What choosing does; shown as a tooltip.
        statement: Gives one column, or ``__text`` (shown) and ``__value`` (used).
    """
    text = cleandoc(statement)
    return (
        QueryVariable(name)
        .label(label)
        .description(description)
        .datasource(POSTGRES)
        .query(text)
        .definition(text)
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(VariableSort.DISABLED)
        .allow_custom_value(False)
    )


def monitor(*, multi: bool = False) -> QueryVariable:
    """Return the choice of monitors, the one that needs a person most first."""
    return query(
        "monitor",
        "Monitor",
        "Whose results are shown; the monitors that need you most come first, removed ones last",
        f"""
        SELECT monitor FROM monitor_names LEFT JOIN latest_evaluations USING (monitor)
        ORDER BY removed_at IS NOT NULL, COALESCE({statuses.code("status")}, 0), monitor
        """,
    ).multi(multi)


def version() -> QueryVariable:
    """Return the choice of model versions that the time range saw of the monitors chosen."""
    return (
        query(
            "version",
            "Version",
            "The version of the model that was judged",
            f"""
            SELECT COALESCE(model_version, 'none known') AS __text,
                COALESCE(model_version, '') AS __value
            FROM evaluations
            WHERE $__timeFilter(window_start) AND {MONITORS}
            GROUP BY model_version ORDER BY MAX(window_start) DESC
            """,
        )
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
    )


def segment(view: str = "column_drift", *, multi_monitor: bool = False) -> QueryVariable:
    """Return the choice of segments; the empty one is the whole window.

    Args:
        view: Where the dashboard's numbers come from: ``column_drift``, ``performance`` ...
        multi_monitor: Whether the variable `monitor` takes several.
    """
    return query(
        "segment",
        "Segment",
        "A part of the window that the monitor file names, or the whole window",
        f"""
        SELECT CASE segment WHEN '' THEN 'whole window' ELSE segment END AS __text,
            segment AS __value
        FROM measurements
        WHERE {MONITORS if multi_monitor else MONITOR} AND {IN_RANGE} AND {_WITH_SEGMENTS[view]}
        GROUP BY segment
        ORDER BY segment
        """,
    ).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)


def feature(view: str = "column_drift", *, multi_monitor: bool = False) -> QueryVariable:
    """Return the choice of columns, all of them at first: those of each month's last window.

    Args:
        view: Where the dashboard's numbers come from: ``column_drift`` or ``column_quality``.
        multi_monitor: Whether the variable `monitor` takes several.
    """
    return (
        query(
            "feature",
            "Feature",
            "The columns shown",
            f"""
            WITH windows AS (
                SELECT DISTINCT ON (monitor, DATE_TRUNC('month', window_start))
                    monitor, window_start, window_end
                FROM evaluations
                WHERE {MONITORS if multi_monitor else MONITOR} AND {IN_RANGE}
                    AND status <> 'error'
                ORDER BY monitor, DATE_TRUNC('month', window_start), window_start DESC
            )
            SELECT column_name
            FROM windows
            INNER JOIN measurements USING (monitor, window_start, window_end)
            WHERE {_WITH_COLUMNS[view]}
            GROUP BY column_name
            ORDER BY column_name
            """,
        )
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
    )


def addresses() -> list[QueryVariable]:
    """Return the hidden variables `airflow_url` (ends in ``/``) and `mlflow_url` (does not)."""
    return [
        _address("airflow", AIRFLOW),
        _address("mlflow", MLFLOW),
    ]


class _Address(QueryVariable):
    """A variable that no address can set: links of a forged one would lead elsewhere."""

    def build(self) -> VariableModel:
        model = super().build()
        model.skip_url_sync = True
        return model


def _address(name: str, address: str) -> QueryVariable:
    text = f"SELECT {address} AS url"
    return (
        _Address(f"{name}_url")
        .label(f"Address of {name}")
        .description("Where links lead; the jobs write it with their results")
        .datasource(POSTGRES)
        .query(text)
        .definition(text)
        .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
        .sort(VariableSort.DISABLED)
        .allow_custom_value(False)
        .hide(VariableHide.HIDE_VARIABLE)
    )
