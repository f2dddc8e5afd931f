"""How a rule about monitors is made: a number per monitor, labeled by who it is."""

from __future__ import annotations

from inspect import cleandoc
from textwrap import indent
from typing import Literal

from monitoring_alerts.rule import Comparison, Panel, Rule
from monitoring_dashboards.addresses import AIRFLOW
from monitoring_dashboards.targets import Target, sql

_LABELS = ("monitor", "owner", "model_name", "model_version", "airflow_url")
_WHO = "{monitor}{model_name:model}"
_PAGES = "{airflow_url}plugin/monitoring/monitoring/monitors/{monitor:url}"


def judged(found: str) -> str:
    """Return a query that may read `judged`: windows that were judged, newest first.

    What lacked data says nothing of the model.
    """
    windows = """
    SELECT
        monitor,
        window_start,
        window_end,
        status,
        ROW_NUMBER() OVER (PARTITION BY monitor ORDER BY place) AS place
    FROM recent_windows
    WHERE status NOT IN ('insufficient_data', 'skipped')
    """
    return f"WITH judged AS (\n{_indented(windows)}\n)\n\n{cleandoc(found)}"


def _indented(text: str) -> str:
    return indent(cleandoc(text), "    ")


def rule(
    name: str,
    *,
    found: str,
    comparison: Comparison,
    summary: str,
    description: str,
    component: str,
    panel: Panel,
    severity: Literal["critical", "warning"] = "warning",
) -> Rule:
    """Return a rule of monitors.

    Args:
        name: The alert's name.
        found: SQL that gives ``monitor``, ``value``, ``threshold`` and ``since``, a time or NULL.
        comparison: As Rule.
        summary: What is wrong; the monitor's name is put before it.
        description: As Rule; the monitor and its model are put before it.
        component: As Rule.
        panel: As Rule.
        severity: As Rule.
    """
    # The fleet's dashboard has no choice of a monitor.
    dashboard = "evidently-drift" if panel.dashboard == "fleet-overview" else panel.dashboard
    numbers = {
        "value": "found.value",
        "threshold": "found.threshold",
        "since": "COALESCE(EXTRACT(EPOCH FROM found.since), 0)",
    }
    return Rule(
        name=name,
        severity=severity,
        component=component,
        labels=_LABELS,
        numbers={key: _of_monitors(found, number) for key, number in numbers.items()},
        comparison=comparison,
        summary=f"{{monitor}}: {summary}",
        description=f"{_WHO} {description}",
        panel=panel,
        links={
            "dashboard_url": f"{{grafana}}d/{dashboard}?var-monitor={{monitor:url}}",
            "report_url": f"{_PAGES}/latest",
            "monitor_url": _PAGES,
            "dag_url": "{airflow_url}dags/monitor__{monitor:url}",
        },
    )


def _of_monitors(found: str, number: str) -> Target:
    """Return a query that labels what was found; `found` may read `standing`.

    Both are computed once: the planner expects one row and would repeat either for each monitor.
    """
    return sql(
        f"""
WITH standing AS MATERIALIZED (
    SELECT
        monitor,
        COALESCE(owner, '') AS owner,
        COALESCE(model_name, '') AS model_name,
        COALESCE(model_version, '') AS model_version,
        due_at
    FROM monitor_status
),

found AS MATERIALIZED (
{_indented(found)}
)

SELECT
    standing.monitor,
    standing.owner,
    standing.model_name,
    standing.model_version,
    {AIRFLOW} AS airflow_url,
    ({number})::double precision AS value
FROM found
INNER JOIN standing ON standing.monitor = found.monitor
ORDER BY standing.monitor
"""
    )
