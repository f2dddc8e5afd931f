"""Evidently's presets of performance: the only home of Evidently, whose import costs seconds."""

from __future__ import annotations

import gc
import json
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd

from monitoring_jobs.errors import MissingDependency
from monitoring_jobs.reports.markup import inert
from monitoring_jobs.reports.widgets import Widget

os.environ.setdefault("DO_NOT_TRACK", "1")  # its presence alone turns Evidently's telemetry off


@contextmanager
def _no_collection() -> Iterator[None]:
    """Pause the garbage collector: a fifth of the import goes into looking through new modules."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


with warnings.catch_warnings(), _no_collection():
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
        from evidently.core.report import ReferenceMetricNotFound
        from evidently.legacy.utils import NumpyEncoder
        from evidently.presets import ClassificationPreset, RegressionPreset
    except ImportError as exc:
        raise MissingDependency(
            "reports need evidently, which is not installed",
            "install monitoring-jobs[reports], or say report: {when: never} in the monitor file",
        ) from exc

Sides = tuple[np.ndarray, np.ndarray]


def draw_performance(
    task: str, prediction: Sides, target: Sides, *, positive_label: str | None = None
) -> list[Widget]:
    """Return the widgets of Evidently's preset, over the rows that hold both values.

    Args:
        task: ``classification`` or ``regression``.
        prediction: Predictions of the window's and of the reference's sample: floats with NaN
            where missing, or inert labels with None.
        target: Labels of both, likewise.
        positive_label: The positive one of two classes; by default the greater, as in the checks.

    Raises:
        ValueError: Evidently cannot draw it.
    """
    sides = [
        pd.DataFrame({"prediction": predicted, "target": label}).dropna().reset_index(drop=True)
        for predicted, label in zip(prediction, target, strict=True)
    ]
    names = ["prediction", "target"]
    if task == "regression":
        definition = DataDefinition(
            numerical_columns=names,
            categorical_columns=[],
            regression=[Regression(target="target", prediction="prediction")],
        )
        preset: Any = RegressionPreset()
    else:
        definition = DataDefinition(
            numerical_columns=[],
            categorical_columns=names,
            classification=[_classification(sides, positive_label)],
        )
        preset = ClassificationPreset()
    current, reference = (Dataset.from_pandas(side, definition) for side in sides)
    return _run(preset, current, None if sides[1].empty else reference)


def _run(preset: Any, current: Dataset, reference: Dataset | None) -> list[Widget]:
    with warnings.catch_warnings():
        # Evidently's, about columns that our own checks have judged already.
        warnings.simplefilter("ignore")
        try:
            widgets = Report([preset]).run(current, reference).to_snapshot_model().widgets
        except ReferenceMetricNotFound as exc:  # no Exception by its class
            raise ValueError("Evidently misses a metric of the reference") from exc
    if any(widget.get_additional_graphs() for widget in widgets):
        raise ValueError("Evidently's preset has an unknown shape; is its version the pinned one?")
    plain: list[Widget] = json.loads(json.dumps([w.dict() for w in widgets], cls=NumpyEncoder))
    return plain


def _classification(
    sides: Sequence[pd.DataFrame], positive_label: str | None
) -> BinaryClassification | MulticlassClassification:
    classes = {label for side in sides for name in side.columns for label in side[name].unique()}
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
