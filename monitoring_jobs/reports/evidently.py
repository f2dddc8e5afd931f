"""The Evidently page of an evaluation: our numbers, drawn over a sample.

The only home of Evidently. Drift is not computed again: Evidently's drift table is filled with the
measurements, so that the page and evaluation.json cannot contradict each other.
"""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import pandas as pd
import pyarrow as pa

from monitoring_jobs.errors import MissingDependency
from monitoring_jobs.reports.header import header
from monitoring_jobs.reports.markup import finish_page, inert
from monitoring_jobs.reports.sample import Sample, SampledColumn, clean_sample, short
from monitoring_jobs.results import Evaluation, Measurement, Status

os.environ.setdefault("DO_NOT_TRACK", "1")  # its presence alone turns Evidently's telemetry off
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Evidently touches names that NumPy has deprecated
    try:
        from evidently import (
            BinaryClassification,
            DataDefinition,
            Dataset,
            MulticlassClassification,
            Regression,
            Report,
        )
        from evidently.core.report import ReferenceMetricNotFound, Snapshot
        from evidently.core.serialization import ReportModel, SnapshotModel
        from evidently.legacy.metric_results import HistogramData
        from evidently.legacy.model.widget import BaseWidgetInfo
        from evidently.legacy.options import ColorOptions
        from evidently.legacy.renderers import html_widgets as html
        from evidently.legacy.utils.visualizations import plot_distr_with_perc_button
        from evidently.presets import (
            ClassificationPreset,
            DatasetStats,
            RegressionPreset,
        )
    except ImportError as exc:
        raise MissingDependency(
            "reports need evidently, which is not installed",
            "install monitoring-jobs[reports], or say report: {when: never} in the monitor file",
        ) from exc

MOST_COLUMNS_DRAWN = 100
MOST_CLASSES = 30

_COLORS = ColorOptions()
_UNJUDGED = {
    Status.INSUFFICIENT_DATA: "Not judged",
    Status.SKIPPED: "Not judged",
    Status.ERROR: "Error",
}

Widgets = list[BaseWidgetInfo]
T = TypeVar("T")


def render(  # noqa: PLR0913 - a page has many sides
    evaluation: Evaluation,
    current: pa.Table,
    reference: pa.Table,
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
        current: Sample of the window.
        reference: Sample of the reference.
        numerical: Columns to be drawn as numbers.
        categorical: Columns to be drawn as labels.
        task: ``classification`` or ``regression``; None draws no performance.
        prediction: Column of the predictions.
        target: Column of the labels.
        positive_label: The positive one of two classes; by default the greater, as in the checks.

    Raises:
        ValueError: Evidently renders another page than the one that is known to be safe.
    """
    roles = [name for name in (prediction, target) if name and name not in numerical]
    sample = clean_sample(
        current,
        reference,
        numerical=numerical,
        categorical=[*categorical, *roles] if task == "classification" else categorical,
        others=roles,
    )
    left_out = dict(sample.left_out)
    with warnings.catch_warnings():
        # Evidently's, about columns that our own checks have judged already.
        warnings.simplefilter("ignore")
        drawings = _drawings(evaluation, sample, left_out)
        widgets = _drift(evaluation, sample, drawings)
        if task and prediction and target:
            scores = clean_sample(
                current,
                reference,
                numerical=[prediction, target] if task == "regression" else [],
                categorical=[prediction, target] if task == "classification" else [],
                top=MOST_CLASSES,
            )
            pair = scores.find(prediction), scores.find(target)
            if pair[0] and pair[1]:
                widgets += _performance(task, pair[0], pair[1], positive_label, left_out)
        widgets += _summary(sample, drawings, left_out)
        page = _snapshot(evaluation, widgets).get_html_str(as_iframe=False)
    return finish_page(
        page,
        title=f"{evaluation.monitor} {evaluation.window}: {evaluation.status}",
        header=header(evaluation, (current.num_rows, reference.num_rows), left_out),
    )


def _snapshot(evaluation: Evaluation, widgets: Widgets) -> Snapshot:
    model = SnapshotModel(
        report=ReportModel(items=[]),
        name=inert(evaluation.monitor),
        timestamp=evaluation.computed_at,
        metadata={},
        tags=[],
        metric_results={},
        top_level_metrics=[],
        widgets=widgets,
        tests_widgets=[],
    )
    return Snapshot.load_model(model)


# --- drawings -------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Drawing:
    """The distributions of one column: for the table's thumbnails, and as a figure."""

    x: list[Any]
    current: list[int]
    reference: list[int]
    figure: BaseWidgetInfo


def _drawings(
    evaluation: Evaluation, sample: Sample, left_out: dict[str, str]
) -> dict[str, _Drawing]:
    """Draw the columns that can be, drifted ones first where there are too many."""
    drifted = {m.column for m in evaluation.measurements if m.detail.get("drifted")}
    columns: list[SampledColumn] = []
    for column in sorted(sample, key=lambda column: column.name not in drifted):
        if not column.is_drawable:
            left_out[column.name] = "no value on one side"
        elif len(columns) == MOST_COLUMNS_DRAWN:
            left_out[column.name] = f"only {MOST_COLUMNS_DRAWN} columns are"
        else:
            columns.append(column)
    drawn = {
        column.name: _attempt(column.name, left_out, functools.partial(_draw, column))
        for column in columns
    }
    return {name: drawing for name, drawing in drawn.items() if drawing is not None}


def _draw(column: SampledColumn) -> _Drawing:
    x, current, reference = column.histogram()
    figure = plot_distr_with_perc_button(
        hist_curr=HistogramData(x=pd.Series(x), count=pd.Series(current)),
        hist_ref=HistogramData(x=pd.Series(x), count=pd.Series(reference)),
        yaxis_name="Count",
        yaxis_name_perc="Percent",
        color_options=_COLORS,
        subplots=False,
        to_json=False,
    )
    return _Drawing(x, current, reference, html.plotly_figure(title="", figure=figure))


# --- drift ----------------------------------------------------------------------------------------
def _drift(evaluation: Evaluation, sample: Sample, drawings: Mapping[str, _Drawing]) -> Widgets:
    measured = [m for m in evaluation.measurements if m.check == "drift" and not m.segment]
    columns = [m for m in measured if m.column]
    if not columns:
        return []
    columns.sort(key=lambda m: (not m.detail.get("drifted"), m.status not in _UNJUDGED))
    drifted = sum(bool(m.detail.get("drifted")) for m in columns)
    judged = sum(m.status not in _UNJUDGED for m in columns)
    table = html.rich_table_data(
        title=f"{drifted} of {judged} judged columns drifted",
        columns=_drift_heads(),
        data=[_drift_row(m, sample.find(m.column), drawings.get(m.column)) for m in columns],
    )
    share = next((m for m in measured if not m.column and m.metric == "drifted_share"), None)
    # The prediction stands in the table, but it is no part of the share of drifted columns.
    inputs = [m for m in columns if m.detail.get("role") != "prediction"]
    return [*_drift_counters(share, inputs), html.header_text(label="Data Drift Summary"), table]


def _drift_counters(share: Measurement | None, columns: Sequence[Measurement]) -> Widgets:
    drifted = sum(bool(m.detail.get("drifted")) for m in columns)
    if share is None or share.value is None:
        said = "Dataset Drift is not judged"
        counters = []
    else:
        limit = share.threshold
        is_drift = limit is not None and share.value >= limit
        said = f"Dataset Drift is {'' if is_drift else 'NOT '}detected"
        if limit is not None:
            said += f". Dataset drift detection threshold is {limit:g}"
        counters = [html.CounterData.float("Share of Drifted Columns", share.value, 3)]
    return [
        html.counter(counters=[html.CounterData(said, "Dataset Drift")]),
        html.counter(
            counters=[
                html.CounterData.int("Columns", len(columns)),
                html.CounterData.int("Drifted Columns", drifted),
                *counters,
            ]
        ),
    ]


def _drift_heads() -> list[html.ColumnDefinition]:
    def histogram(label: str, field: str) -> html.ColumnDefinition:
        options = {"xField": "x", "yField": "y", "color": _COLORS.primary_color}
        return html.ColumnDefinition(label, field, html.ColumnType.HISTOGRAM, options=options)

    return [
        html.ColumnDefinition("Column", "column_name"),
        html.ColumnDefinition("Type", "column_type"),
        histogram("Reference Distribution", "reference_distribution"),
        histogram("Current Distribution", "current_distribution"),
        html.ColumnDefinition("Data Drift", "data_drift"),
        html.ColumnDefinition("Stat Test", "stattest_name"),
        html.ColumnDefinition("Drift Score", "drift_score"),
        html.ColumnDefinition("Threshold", "threshold"),
    ]


def _drift_row(
    m: Measurement, column: SampledColumn | None, drawing: _Drawing | None
) -> html.RichTableDataRow:
    found = "Detected" if m.detail.get("drifted") else "Not Detected"
    x = drawing.x if drawing else []
    fields: dict[str, Any] = {
        "column_name": column.title if column else inert(m.column),
        "column_type": column.kind if column else "",
        "stattest_name": m.metric,
        "data_drift": _UNJUDGED.get(m.status, found),
        "drift_score": "" if m.value is None else short(m.value),
        "threshold": "" if m.threshold is None else short(m.threshold),
        "reference_distribution": {"x": x, "y": drawing.reference if drawing else []},
        "current_distribution": {"x": x, "y": drawing.current if drawing else []},
    }
    details = html.RowDetails()
    if drawing is not None:
        details.with_part("DATA DISTRIBUTION", info=drawing.figure)
    return html.RichTableDataRow(fields=fields, details=details)


# --- performance and summary --------------------------------------------------------------------
def _performance(
    task: str,
    prediction: SampledColumn,
    target: SampledColumn,
    positive_label: str | None,
    left_out: dict[str, str],
) -> Widgets:
    sides = [
        pd.DataFrame({"prediction": predicted, "target": label}).dropna().reset_index(drop=True)
        for predicted, label in (
            (prediction.current, target.current),
            (prediction.reference, target.reference),
        )
    ]
    if sides[0].empty:
        return []
    if task == "regression":
        definition = DataDefinition(
            numerical_columns=["prediction", "target"],
            categorical_columns=[],
            regression=[Regression(target="target", prediction="prediction")],
        )
        preset: Any = RegressionPreset()
    else:
        classes = sorted(set(sides[0]["target"]) | set(sides[0]["prediction"]))
        if len(classes) > MOST_CLASSES:
            left_out[target.name] = "too many classes for a confusion matrix"
            return []
        definition = DataDefinition(
            numerical_columns=[],
            categorical_columns=["prediction", "target"],
            classification=[_classification(sides, positive_label)],
        )
        preset = ClassificationPreset()
    current, reference = (Dataset.from_pandas(side, definition) for side in sides)
    found = _attempt(
        target.name,
        left_out,
        lambda: _run([preset], current, None if sides[1].empty else reference),
    )
    return found or []


def _classification(
    sides: Sequence[pd.DataFrame], positive_label: str | None
) -> BinaryClassification | MulticlassClassification:
    classes = {label for side in sides for name in side.columns for label in side[name]}
    if len(classes) != 2:
        return MulticlassClassification(target="target", prediction_labels="prediction")
    shown = None if positive_label is None else inert(positive_label)
    return BinaryClassification(
        target="target",
        prediction_labels="prediction",
        pos_label=shown if shown in classes else max(classes, key=_as_number),
    )


def _as_number(label: str) -> tuple[float, str]:
    try:
        return float(label), label
    except ValueError:
        return 0.0, label


def _summary(sample: Sample, drawings: Mapping[str, _Drawing], left_out: dict[str, str]) -> Widgets:
    """Return what Evidently's summary preset shows, with one figure per column instead of seven."""
    columns = [column for column in sample if column.name in drawings]
    if not columns:
        return []
    definition = DataDefinition(
        numerical_columns=[column.title for column in columns if column.kind == "num"],
        categorical_columns=[column.title for column in columns if column.kind == "cat"],
    )
    current, reference = (
        Dataset.from_pandas(pd.DataFrame(side), definition)
        for side in (
            {column.title: column.current for column in columns},
            {column.title: column.reference for column in columns},
        )
    )
    whole = _attempt(
        "the dataset's summary", left_out, lambda: _run([DatasetStats()], current, reference)
    )
    parts = [
        _attempt(column.name, left_out, functools.partial(_column, column, drawings[column.name]))
        for column in columns
    ]
    return (whole or []) + [part for part in parts if part is not None]


def _column(column: SampledColumn, drawing: _Drawing) -> BaseWidgetInfo:
    return html.rich_data(
        title=column.title,
        description=column.kind,
        header=["current", "reference"],
        metrics=[{"label": label, "values": list(values)} for label, values in column.facts()],
        graph=drawing.figure.params,
    )


def _run(items: list[Any], current: Dataset, reference: Dataset | None) -> Widgets:
    return list(Report(items).run(current, reference).to_snapshot_model().widgets)


def _attempt(name: str, left_out: dict[str, str], draw: Callable[[], T]) -> T | None:
    """Draw a part; a part that cannot be drawn is missing, and costs none of the others."""
    try:
        return draw()
    except (Exception, ReferenceMetricNotFound) as exc:  # noqa: BLE001 - any of Evidently's
        left_out[name] = f"{type(exc).__name__} while drawing"
        return None
