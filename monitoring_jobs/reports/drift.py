"""The section on drift: the evaluation's scores and verdicts, beside the sample's distributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from monitoring_jobs.reports.drawings import Drawing, short
from monitoring_jobs.reports.markup import inert
from monitoring_jobs.reports.widgets import (
    Widget,
    counters,
    heading,
    histogram_column,
    opened,
    searched_table,
    text_column,
)
from monitoring_jobs.results import Evaluation, Measurement, Status

_UNJUDGED = {
    Status.INSUFFICIENT_DATA: "Not judged",
    Status.SKIPPED: "Not judged",
    Status.ERROR: "Error",
}
_COLUMNS = (
    text_column("Column", "column_name"),
    text_column("Type", "column_type"),
    histogram_column("Reference Distribution", "reference_distribution"),
    histogram_column("Current Distribution", "current_distribution"),
    text_column("Data Drift", "data_drift"),
    text_column("Stat Test", "stattest_name"),
    text_column("Drift Score", "drift_score"),
    text_column("Threshold", "threshold"),
)


def drift_section(
    evaluation: Evaluation, drawings: Mapping[str, Drawing], cards: Mapping[str, Widget]
) -> list[Widget]:
    """Return the counters and the table of drift; nothing where drift was not measured.

    Args:
        evaluation: Whose scores, methods, thresholds and verdicts are shown.
        drawings: What the sample shows of the columns, by name.
        cards: What rows show when they are opened, by name.
    """
    measured = [m for m in evaluation.measurements if m.check == "drift" and not m.segment]
    columns = [m for m in measured if m.column]
    if not columns:
        return []
    columns.sort(key=lambda m: (not is_drifted(m), m.status not in _UNJUDGED))
    drifted = sum(is_drifted(m) for m in columns)
    judged = sum(m.status not in _UNJUDGED for m in columns)
    table = searched_table(
        _COLUMNS,
        [_row(m, drawings.get(m.column), cards.get(m.column)) for m in columns],
        f"{drifted} of {judged} judged columns drifted",
    )
    share = next((m for m in measured if not m.column and m.metric == "drifted_share"), None)
    # The prediction stands in the table, but it is no part of the share of drifted columns.
    inputs = [m for m in columns if m.detail.get("role") != "prediction"]
    return [*_counters(share, inputs), heading("Data Drift Summary"), table]


def is_drifted(measurement: Measurement) -> bool:
    """Return whether the column of a measurement has drifted."""
    return bool(measurement.detail.get("drifted"))


def _counters(share: Measurement | None, columns: Sequence[Measurement]) -> list[Widget]:
    drifted = sum(is_drifted(m) for m in columns)
    numbers = [("Columns", str(len(columns))), ("Drifted Columns", str(drifted))]
    if share is None or share.value is None:
        said = "Dataset Drift is not judged"
    else:
        limit = share.threshold
        is_drift = limit is not None and share.value >= limit
        said = f"Dataset Drift is {'' if is_drift else 'NOT '}detected"
        if limit is not None:
            said += f". Dataset drift detection threshold is {limit:g}"
        numbers.append(("Share of Drifted Columns", f"{share.value:.3}"))
    return [counters([(said, "Dataset Drift")]), counters(numbers)]


def _row(m: Measurement, drawing: Drawing | None, card: Widget | None) -> dict[str, Any]:
    found = "Detected" if is_drifted(m) else "Not Detected"
    x = drawing.x if drawing else []
    row: dict[str, Any] = {
        "column_name": drawing.title if drawing else inert(m.column),
        "column_type": drawing.kind if drawing else "",
        "stattest_name": m.metric,
        "data_drift": _UNJUDGED.get(m.status, found),
        "drift_score": "" if m.value is None else short(m.value),
        "threshold": "" if m.threshold is None else short(m.threshold),
        "reference_distribution": {"x": x, "y": drawing.reference if drawing else []},
        "current_distribution": {"x": x, "y": drawing.current if drawing else []},
    }
    return row if card is None else {**row, "details": opened("DATA DISTRIBUTION", card)}
