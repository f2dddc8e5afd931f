"""The answer for one monitor: how it stands now, and why."""

from __future__ import annotations

from grafana_foundation_sdk.models.common import BigValueColorMode

from monitoring_dashboards import links, statuses
from monitoring_dashboards.fields import Field
from monitoring_dashboards.panels import Caption, Panel, Style, stat, status_stat
from monitoring_dashboards.statuses import BLUE, GREEN, RED, YELLOW, Steps
from monitoring_dashboards.targets import instant, sql
from monitoring_dashboards.units import COUNT

_MONITOR = '{monitor="$monitor"}'
_NEVER = "This monitor has never run."
_NOT_PUBLISHED = "Nothing of this monitor was published to Prometheus: the newest window was not"
# As many make MultipleDriftedFeatures fire.
_MANY = Steps(GREEN, (1, YELLOW), (3, RED))


def panels() -> list[Panel]:
    """Return them: one line across the dashboard."""
    return [_state(), _reason(), _drifted(), _quality(), _rows()]


def _state() -> Panel:
    return status_stat(
        Caption(
            title="Now",
            description="The verdict on the newest window; error where a later attempt failed, "
            "overdue where none came. Click for the report",
            unit="none",
            empty=_NEVER,
        ),
        [sql("SELECT state FROM monitor_status WHERE monitor = ${monitor:sqlstring}")],
        size=(4, 4),
        style=Style(
            mappings=statuses.by_name(), links=[links.latest_report(links.chosen("monitor"))]
        ),
    )


def _reason() -> Panel:
    panel = status_stat(
        Caption(
            title="Because",
            description="The worst measurement of the newest window, and since when no window was "
            "ok",
            unit="none",
            empty=_NEVER,
        ),
        [
            sql(
                """
                SELECT COALESCE(reason, 'nothing is wrong')
                    || COALESCE(TO_CHAR(since AT TIME ZONE 'UTC', '", since" YYYY-MM-DD'), '')
                    AS reason
                FROM monitor_status WHERE monitor = ${monitor:sqlstring}
                """
            )
        ],
        size=(8, 4),
    )
    return panel.color_mode(BigValueColorMode.NONE)


def _drifted() -> Panel:
    drift = links.dashboard("evidently-drift", "Which features drifted", keep=["monitor"])
    return stat(
        Caption(
            title="Drifted features",
            description="Columns of the newest window that drifted; three raise an alert",
            unit="none",
            empty=f"{_NOT_PUBLISHED} judged for drift.",
        ),
        [instant(f"max(drift_columns_count{_MONITOR})", legend="drifted")],
        size=(4, 4),
        style=Style(steps=_MANY, links=[drift]),
    )


def _quality() -> Panel:
    return stat(
        Caption(
            title="Quality",
            description="Of the newest window: its quality score, and the mean share of values "
            "present",
            unit="percentunit",
            empty=f"{_NOT_PUBLISHED} checked for quality.",
        ),
        [
            instant(f"max(data_quality_score{_MONITOR})", legend="score"),
            instant(f"avg(data_completeness{_MONITOR})", legend="completeness"),
        ],
        size=(4, 4),
        style=Style(color=BLUE, decimals=1),
        background=False,
    )


def _rows() -> Panel:
    return stat(
        Caption(
            title="Predictions and labels",
            description="Rows of the newest window with a prediction, and the share of rows with a "
            "label so far",
            unit=COUNT,
            empty=f"{_NOT_PUBLISHED} published, or has no prediction column.",
        ),
        [
            instant(f"max(prediction_success_total{_MONITOR})", legend="predictions"),
            instant(f"max(model_label_coverage{_MONITOR})", legend="labeled"),
        ],
        size=(4, 4),
        style=Style(color=BLUE, fields=[Field(name="labeled", unit="percentunit")]),
        background=False,
    )
