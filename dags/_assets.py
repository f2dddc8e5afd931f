"""What the Dags announce to others: assets and their events.

Names are their URIs, so that ``Asset("x-monitoring://wine_quality/alert")`` is all that another Dag
needs to say. Extras are clear text in Airflow's database: they hold numbers and names of columns,
never values of data.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from _markup import printable
from airflow.sdk import Asset, AssetAlias, Context

if TYPE_CHECKING:
    from monitoring_jobs.extract import ExtractionSummary
    from monitoring_jobs.results import Evaluation
    from monitoring_jobs.settings import Settings

GROUP = "monitoring"
EXTRACTION = Asset("x-monitoring://mlflow/extraction", group=GROUP)

_MOST_NAMES = 20
_LONGEST_NAME = 100


def windows_of(monitor: str) -> Asset:
    """Return the asset that changes with every window that is written."""
    return Asset(f"x-monitoring://{monitor}", group=GROUP)


def alerts_of(monitor: str) -> Asset:
    """Return the asset that changes when the newest window has failed."""
    return Asset(f"x-monitoring://{monitor}/alert", group=GROUP)


def outlets_of(monitor: str) -> list[Asset | AssetAlias]:
    """Return what the task that writes windows announces.

    Alerts go through an alias: an outlet that is an asset has an event whenever its task succeeds.
    """
    return [windows_of(monitor), _alias_of_alerts(monitor)]


def announce(context: Context, evaluation: Evaluation, settings: Settings) -> None:
    """Tell of a window that is written, and of an alert where there is one.

    Only the newest window raises an alert: a backfill over a bad month starts no thirty trainings.
    """
    from monitoring_jobs.publish import is_newest
    from monitoring_jobs.results import Status

    events, monitor, extra = context["outlet_events"], evaluation.monitor, _extra(evaluation)
    events[windows_of(monitor)].extra = extra
    now = datetime.now(UTC)
    if evaluation.status is Status.FAILED and is_newest(evaluation, settings, now=now):
        events[_alias_of_alerts(monitor)].add(alerts_of(monitor), extra=extra)


def announce_extraction(context: Context, summary: ExtractionSummary) -> None:
    """Tell of an extraction."""
    counts = ("experiments", "runs", "metrics", "models", "versions", "changed", "skipped")
    extra = {name: getattr(summary, name) for name in counts}
    context["outlet_events"][EXTRACTION].extra = {"full": summary.full, **extra}


def _alias_of_alerts(monitor: str) -> AssetAlias:
    return AssetAlias(f"alerts of {monitor}", group=GROUP)


def _extra(evaluation: Evaluation) -> dict[str, Any]:
    from monitoring_jobs.windows import utc_text

    drifted = [
        measurement.column
        for measurement in evaluation.measurements
        if measurement.check == "drift"
        and measurement.segment == ""
        and measurement.detail.get("drifted")
    ]
    return {
        "evaluation": evaluation.id,
        "status": str(evaluation.status),
        "start": utc_text(evaluation.window.start),
        "end": utc_text(evaluation.window.end),
        "rows": evaluation.rows.current,
        "report": evaluation.report is not None,
        "drifted_columns": len(drifted),
        "first_drifted": [_short(name) for name in drifted[:_MOST_NAMES]],
    }


def _short(name: str) -> str:
    name = printable(name)  # Airflow's database refuses some of what a column may be called
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
