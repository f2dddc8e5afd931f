"""Operations: do the jobs run, in time, at which cost; and the machines under them."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from monitoring_dashboards import evaluations, events, layout, links, nodes, variables
from monitoring_dashboards.conditions import MONITORS
from monitoring_dashboards.fields import Field
from monitoring_dashboards.layout import Page, Section
from monitoring_dashboards.panels import Caption, Panel, Style, bar_gauge, stat, table
from monitoring_dashboards.statuses import COLORS, GREEN, ORANGE, RED, YELLOW, Steps
from monitoring_dashboards.targets import instant, sql
from monitoring_dashboards.units import COUNT, FROM_NOW, INSTANT

_DAY = 86_400
_HOUR = 3_600
_NOT_PUSHED = "Nothing pushed: no evaluation of these monitors has reached the Pushgateway yet."
_NEVER_EXTRACTED = "Never extracted: the Dag that reads MLflow has not run."


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return layout.dashboard(
        Page(
            uid="operations",
            title="Operations",
            description="Do the monitoring jobs run, in time and at which cost; is there room",
            since="now-14d",
            refresh="5m",
            variables=[
                variables.monitor(multi=True).include_all(True),
                *variables.addresses(),
            ],
            annotations=[*events.model_events(), events.reference_changes()],
            links=[
                links.page("${airflow_url}dags", "Dags", "All Dags in Airflow"),
                links.airflow_page("", "Report browser", "All monitors and their reports"),
            ],
        ),
        [
            Section(panels=[_overdue(), _failures(), _down(), _extraction(), _storage()]),
            Section(
                title="Jobs",
                panels=[
                    evaluations.attempts(),
                    evaluations.durations((12, 8)),
                    evaluations.runs(),
                    evaluations.rows(),
                    evaluations.peak_memory(),
                ],
            ),
            Section(title="Freshness", panels=[_age(), _lateness(), _extractions()]),
            Section(title="Machines", panels=[nodes.cpu(), nodes.memory(), nodes.disk()]),
        ],
    )


def _overdue() -> Panel:
    return stat(
        Caption(
            title="Overdue now",
            description="Monitors whose next evaluation should have been there an hour ago, as "
            "their gauges in Prometheus say",
            unit="none",
            empty="No monitor has pushed when it is due.",
        ),
        [
            instant(
                "sum(time() - monitoring_next_due_timestamp_seconds"
                f'{{monitor=~"$monitor"}} > bool {_HOUR})',
                legend="monitors",
            )
        ],
        size=(4, 4),
        style=Style(steps=Steps(GREEN, (1, COLORS["overdue"]))),
    )


def _failures() -> Panel:
    return stat(
        Caption(
            title="Failed attempts",
            description="In the time range, of all attempts",
            unit="none",
            empty="Nothing ran in this time range.",
        ),
        [
            sql(
                f"""
                SELECT COUNT(*) FILTER (WHERE outcome = 'error') AS failed, COUNT(*) AS attempts
                FROM attempts
                WHERE {MONITORS} AND $__timeFilter(recorded_at)
                HAVING COUNT(*) > 0
                """
            )
        ],
        size=(5, 4),
        style=Style(
            fields=[
                Field(name="failed", title="Failed", steps=Steps(GREEN, (1, COLORS["error"]))),
                Field(name="attempts", title="Attempts", color="text"),
            ]
        ),
    )


def _down() -> Panel:
    return stat(
        Caption(
            title="Targets down",
            description="What Prometheus cannot scrape now: gateway, MLflow, model server, nodes",
            unit="none",
            empty="Prometheus scrapes nothing.",
        ),
        [instant("sum(up == bool 0)", legend="targets")],
        size=(4, 4),
        style=Style(steps=Steps(GREEN, (1, RED))),
    )


def _extraction() -> Panel:
    return stat(
        Caption(
            title="MLflow was read",
            description="How long ago the extraction last finished",
            unit="s",
            empty=_NEVER_EXTRACTED,
        ),
        [
            sql(
                """
                SELECT EXTRACT(EPOCH FROM NOW() - MAX(extracted_at)) AS ago
                FROM mlflow_extractions
                """
            )
        ],
        size=(4, 4),
        style=Style(steps=Steps(GREEN, (_DAY, YELLOW), (3 * _DAY, RED)), decimals=1),
    )


def _storage() -> Panel:
    return stat(
        Caption(
            title="Results database",
            description="Its size; monthly partitions, and how long those made ahead last; rows "
            "that no partition covers (run the maintenance where there are any)",
            unit="none",
            empty="The results database tells nothing about its storage.",
        ),
        [
            sql(
                """
                SELECT pg_database_size(current_database()) AS size, partitions,
                    EXTRACT(EPOCH FROM covered_until - NOW()) AS covered, default_rows
                FROM storage
                """
            )
        ],
        size=(7, 4),
        style=Style(
            fields=[
                Field(name="size", title="Size", unit="bytes", color="text"),
                Field(name="partitions", title="Partitions", color="text"),
                Field(
                    name="covered",
                    title="Covered for",
                    unit="s",
                    decimals=0,
                    steps=Steps(RED, (7 * _DAY, ORANGE), (30 * _DAY, GREEN)),
                    extra={"noValue": "no partition"},
                ),
                Field(
                    name="default_rows",
                    title="Rows outside",
                    unit=COUNT,
                    steps=Steps(GREEN, (1, ORANGE)),
                ),
            ]
        ),
    )


def _age() -> Panel:
    return bar_gauge(
        Caption(
            title="Age of the newest window",
            description="Time since the end of the newest window judged, of the twenty monitors "
            "that lag most",
            unit="s",
            empty=_NOT_PUSHED,
        ),
        [
            instant(
                'topk(20, time() - monitoring_window_end_timestamp_seconds{monitor=~"$monitor"})',
                legend="{{monitor}}",
            )
        ],
        size=(8, 8),
        style=Style(steps=Steps(GREEN, (2 * _DAY, YELLOW), (7 * _DAY, RED)), decimals=1),
    )


def _lateness() -> Panel:
    return bar_gauge(
        Caption(
            title="Since the last success",
            description="Time since the last evaluation that was written, of the twenty monitors "
            "for which it is longest",
            unit="s",
            empty=_NOT_PUSHED,
        ),
        [
            instant(
                'topk(20, time() - monitoring_last_success_timestamp_seconds{monitor=~"$monitor"})',
                legend="{{monitor}}",
            )
        ],
        size=(8, 8),
        style=Style(steps=Steps(GREEN, (2 * _DAY, YELLOW), (7 * _DAY, RED)), decimals=1),
    )


def _extractions() -> Panel:
    return table(
        Caption(
            title="Extraction from MLflow",
            description="How far each tracking server has been read, and when all of it last was",
            unit="none",
            empty=_NEVER_EXTRACTED,
        ),
        [
            sql(
                """
                SELECT tracking_server, extracted_at, watermark, full_scan_at
                FROM mlflow_extractions
                ORDER BY extracted_at
                """
            )
        ],
        size=(8, 8),
        style=Style(
            fields=[
                Field(name="tracking_server", title="Tracking server"),
                Field(name="extracted_at", title="Read", unit=FROM_NOW),
                Field(name="watermark", title="Up to", unit=INSTANT),
                Field(name="full_scan_at", title="All of it", unit=FROM_NOW),
            ]
        ),
    )
