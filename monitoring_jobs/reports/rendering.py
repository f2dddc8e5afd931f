"""The report of an evaluation: our numbers, drawn over a sample in Evidently's viewer.

Nothing is computed again: the page is filled with the measurements, so that it and evaluation.json
cannot contradict each other. What each part is computed from: docs/report.md.
"""

from __future__ import annotations

from collections.abc import Sequence

from monitoring_jobs.reports.drawings import Drawing, attempt, draw_columns
from monitoring_jobs.reports.drift import drift_section, is_drifted
from monitoring_jobs.reports.header import header
from monitoring_jobs.reports.performance import Roles, performance_section
from monitoring_jobs.reports.sample import Rows, read_columns, wanted_columns
from monitoring_jobs.reports.summary import Drawn, Measured, column_card, summary_section
from monitoring_jobs.reports.viewer import page
from monitoring_jobs.reports.widgets import Widget
from monitoring_jobs.results import Evaluation


def render(  # noqa: PLR0913 - a page has many sides
    evaluation: Evaluation,
    current: Rows,
    reference: Rows,
    *,
    numerical: Sequence[str],
    categorical: Sequence[str],
    task: str | None = None,
    prediction: str | None = None,
    target: str | None = None,
    positive_label: str | None = None,
) -> str:
    """Return a self-contained HTML page.

    A column that cannot be drawn is named in the page's head; the others are drawn.

    Args:
        evaluation: Whose drift scores, methods, thresholds and verdicts are shown.
        current: Sample of the window: a table, or rows that are read a few columns at a time.
        reference: Sample of the reference.
        numerical: Columns to be drawn as numbers.
        categorical: Columns to be drawn as labels.
        task: ``classification`` or ``regression``; None draws no performance.
        prediction: Column of the predictions.
        target: Column of the labels.
        positive_label: The positive one of two classes; by default the greater, as in the checks.

    Raises:
        MissingDependency: Evidently, whose viewer draws the page, is not installed.
        ValueError: The viewer is of another shape than the one that is known.
    """
    roles = [name for name in (prediction, target) if name and name not in numerical]
    classes = [*categorical, *roles] if task == "classification" else categorical
    wanted = wanted_columns(numerical, classes, roles)
    left_out: dict[str, str] = {}
    first = {m.column for m in evaluation.measurements if is_drifted(m)}
    order = sorted(wanted, key=lambda name: name not in first)
    ordered = {name: wanted[name] for name in order}
    columns = read_columns(current, reference, ordered, left_out)
    drawings = draw_columns(columns, wanted, left_out)
    drawn = Drawn(evaluation.rows, current.num_rows, reference.num_rows)
    cards = _cards(evaluation, drawings, drawn, left_out)
    widgets = drift_section(evaluation, drawings, cards)
    if task and prediction and target:
        players = Roles(task, prediction, target, positive_label)
        widgets += performance_section(evaluation, current, reference, players, left_out)
    features = [name for name in wanted if name not in (prediction, target)]
    widgets += summary_section(evaluation, drawings, cards, features=features, drawn=drawn)
    return page(
        widgets,
        title=f"{evaluation.monitor} {evaluation.window}: {evaluation.status}",
        header=header(evaluation, (drawn.current, drawn.reference), left_out),
    )


def _cards(
    evaluation: Evaluation, drawings: dict[str, Drawing], drawn: Drawn, left_out: dict[str, str]
) -> dict[str, Widget]:
    measured = Measured(evaluation)
    made = {
        name: attempt(name, left_out, column_card, f"column_{number}", drawing, measured, drawn)
        for number, (name, drawing) in enumerate(drawings.items())
        if drawing.figure is not None
    }
    return {name: card for name, card in made.items() if card is not None}
