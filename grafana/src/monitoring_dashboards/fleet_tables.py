"""Tables about the fleet: monitors worst first, and their deadlines."""

from __future__ import annotations

from monitoring_dashboards import links, statuses
from monitoring_dashboards.conditions import among
from monitoring_dashboards.fields import Field
from monitoring_dashboards.panels import Caption, Panel, Style, table
from monitoring_dashboards.statuses import COLORS
from monitoring_dashboards.targets import sql
from monitoring_dashboards.units import FROM_NOW, INSTANT

OWNED = among("COALESCE(owner, '')", "owner")
NOTHING_RAN = "No monitor of these owners has ever run. Are their Dags paused in Airflow?"
_MONITOR = links.column("monitor")
_PUNCTUALITY = {
    "overdue": ("overdue", COLORS["overdue"]),
    "late": ("late", COLORS["warning"]),
    "in time": ("in time", COLORS["ok"]),
}
_PAGES = (
    links.dashboard("evidently-drift", "Drift", monitor=_MONITOR),
    links.dashboard("mlops-model-monitoring", "Performance and quality", monitor=_MONITOR),
    links.latest_report(_MONITOR),
    links.dag(_MONITOR),
)


def worst_first() -> Panel:
    """Return every monitor with its state, why, since when and whose."""
    return table(
        Caption(
            title="Monitors, worst first",
            description="One row a monitor. Since: the start of the first window of the unbroken "
            "row that was not ok; in a row: how many they are. Click a monitor for its drift, "
            "quality, report and Dag, the reason for that window's report and run",
            unit="none",
            empty=NOTHING_RAN,
        ),
        [
            sql(
                f"""
                SELECT state, monitor, reason, since, windows_in_a_row, owner, model_name,
                    model_version, window_end, due_at, evaluation_id, dag_id, dag_run_id
                FROM monitor_status
                WHERE {OWNED}
                ORDER BY state_rank, since NULLS LAST, monitor
                LIMIT 1000
                """
            )
        ],
        size=(24, 11),
        style=Style(fields=_columns()),
    )


def _columns() -> list[Field]:
    run = links.dag_run(links.column("dag_id"), links.column("dag_run_id"))
    model = links.model(links.column("model_name"), links.column("model_version"))
    return [
        Field(
            name="state",
            title="State",
            mappings=statuses.by_name(),
            cell="color-background",
            width=130,
        ),
        Field(name="monitor", title="Monitor", links=_PAGES, width=220),
        Field(
            name="reason",
            title="Why",
            links=[links.report(links.column("evaluation_id")), run],
        ),
        Field(name="since", title="Since", unit=INSTANT, width=170),
        Field(name="windows_in_a_row", title="In a row", unit="none", width=90),
        Field(name="owner", title="Owner", width=180),
        Field(name="model_name", title="Model", links=[model], width=180),
        Field(name="model_version", title="Version", links=[model], width=80),
        Field(name="window_end", title="Judged until", unit=INSTANT, width=170),
        Field(name="due_at", title="Next due", unit=INSTANT, width=170),
        *(Field(name=name, hidden=True) for name in ("evaluation_id", "dag_id", "dag_run_id")),
    ]


def deadlines() -> Panel:
    """Return when the next window of each monitor is due, the most overdue first."""
    return table(
        Caption(
            title="Who is overdue, and who is due next",
            description="When the evaluation of each monitor's next window should be there; what "
            "is late by more than an hour counts as overdue",
            unit="none",
            empty="No monitor has a schedule that says when its next window is due.",
        ),
        [
            sql(
                f"""
                SELECT monitor, due_at, due_at AS due, CASE
                        WHEN NOW() > due_at + INTERVAL '1 hour' THEN 'overdue'
                        WHEN NOW() > due_at THEN 'late'
                        ELSE 'in time'
                    END AS punctuality, owner, window_end, last_error_at, last_error
                FROM monitor_status
                WHERE due_at IS NOT NULL AND {OWNED}
                ORDER BY due_at, monitor
                LIMIT 100
                """
            )
        ],
        size=(24, 9),
        style=Style(
            fields=[
                Field(name="monitor", title="Monitor", links=_PAGES, width=220),
                Field(name="due_at", title="Due at", unit=INSTANT, width=170),
                Field(name="due", title="Due", unit=FROM_NOW, width=130),
                Field(
                    name="punctuality",
                    title="Is it late",
                    mappings=statuses.words(_PUNCTUALITY),
                    cell="color-text",
                    width=100,
                ),
                Field(name="owner", title="Owner", width=180),
                Field(name="window_end", title="Judged until", unit=INSTANT, width=170),
                Field(name="last_error_at", title="Last error", unit=INSTANT, width=170),
                Field(name="last_error", title="What it said"),
            ]
        ),
    )
