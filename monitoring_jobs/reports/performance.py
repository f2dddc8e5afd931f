"""The section on performance: the scores of all labelled rows, then Evidently's presets."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring_jobs.reports.drawings import attempt, digits
from monitoring_jobs.reports.sample import Rows, read_columns, wanted_columns
from monitoring_jobs.reports.widgets import Widget, counters, heading
from monitoring_jobs.results import Evaluation

MOST_CLASSES = 30


@dataclass(frozen=True, slots=True)
class Roles:
    """What is compared: ``classification`` or ``regression``, and the columns that play in it."""

    task: str
    prediction: str
    target: str
    positive_label: str | None = None


def performance_section(
    evaluation: Evaluation,
    current: Rows,
    reference: Rows,
    roles: Roles,
    left_out: dict[str, str],
) -> list[Widget]:
    """Return the measured scores, and what Evidently draws of the labelled rows of the sample.

    Evidently is imported here and nowhere else, and only where the sample holds labels.

    Args:
        evaluation: Whose scores are shown.
        current: Sample of the window.
        reference: Sample of the reference.
        roles: The task and its columns.
        left_out: Is told why nothing is drawn of the target.
    """
    drawn = _presets(current, reference, roles, left_out)
    if drawn:
        rows = f"{current.num_rows:,} and {reference.num_rows:,} rows"
        drawn = [heading(f"Performance in the samples of {rows}"), *drawn]
    return [*_measured(evaluation), *drawn]


def _measured(evaluation: Evaluation) -> list[Widget]:
    scores = [
        (m.metric, digits(m.value))
        for m in evaluation.measurements
        if m.check == "performance" and not m.segment and m.value is not None
    ]
    if not scores:
        return []
    return [heading("Performance in the window, all labelled rows"), counters(scores)]


def _presets(
    current: Rows, reference: Rows, roles: Roles, left_out: dict[str, str]
) -> list[Widget]:
    pair = [roles.prediction, roles.target]
    numbers = roles.task == "regression"
    wanted = wanted_columns(pair if numbers else (), () if numbers else pair)
    # Why a column cannot be shown has been said already, when its distribution was drawn.
    columns = {
        column.name: column
        for column in read_columns(current, reference, wanted, {}, top=MOST_CLASSES)
    }
    if len(columns) < len(set(pair)):
        return []
    prediction, target = (columns[name] for name in pair)
    labelled = zip(prediction.present_rows(), target.present_rows(), strict=True)
    has_labels = [bool((predicted & label).any()) for predicted, label in labelled]
    if not has_labels[0]:
        return []
    if len(target.labels) > MOST_CLASSES:
        left_out[target.name] = "too many classes for a confusion matrix"
        return []

    def draw() -> list[Widget]:
        from monitoring_jobs.reports.evidently import draw_performance

        return draw_performance(
            roles.task, prediction.shown(), target.shown(), positive_label=roles.positive_label
        )

    return attempt(target.name, left_out, draw) or []
