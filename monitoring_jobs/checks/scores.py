"""Every metric of a task on the labelled rows, not judged yet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from monitoring_jobs.checks.labels import Classes, LabelledRows, floats
from monitoring_jobs.results import Scalar, Status
from monitoring_jobs.statistics import regression
from monitoring_jobs.statistics.classification import ClassCounts, log_loss, roc_auc
from monitoring_jobs.statistics.numeric import Floats

METRICS: Mapping[str, tuple[str, ...]] = {
    "classification": ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss"),
    "regression": ("mae", "rmse", "mape", "r2"),
}
# How far the probabilities of a row may be from a sum of 1: float32 and rounded logs are fine.
SUM_TOLERANCE = 1e-3

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Score:
    """A metric before it is judged.

    Attributes:
        n: Rows that it was computed from.
        value: The number; NaN where there is none.
        problem: Why there is none.
        absence: The status that goes with the problem.
        by_chance: Whether too few rows may show the problem by mere chance.
        detail: What explains the number.
    """

    n: int
    value: float = np.nan
    problem: str = ""
    absence: Status = Status.INSUFFICIENT_DATA
    by_chance: bool = False
    detail: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scores:
    """What the rows of a window give.

    Attributes:
        labelled: Rows with a target.
        predicted: Rows among them with a prediction.
        metrics: The task's metrics in a fixed order.
    """

    labelled: int
    predicted: int
    metrics: Mapping[str, Score]


def score(labels: LabelledRows) -> Scores:
    """Compute the metrics of the task on the rows with both a target and a prediction.

    For probability metrics, rows without a probability are left out besides.
    """
    of = _regression if labels.task == "regression" else _classification
    return of(labels)


def _regression(labels: LabelledRows) -> Scores:
    target, prediction = floats(labels.target), floats(labels.prediction)
    labelled = int(np.count_nonzero(~np.isnan(target)))
    both = ~(np.isnan(target) | np.isnan(prediction))
    target, prediction = target[both], prediction[both]
    n = int(target.size)
    infinite = int(np.count_nonzero(np.isinf(target) | np.isinf(prediction)))
    if infinite:
        problem = f"{infinite} of {n} labelled rows have an infinite prediction or target"
        score = Score(n, problem=problem, absence=Status.ERROR)
        return Scores(labelled, n, dict.fromkeys(METRICS["regression"], score))
    kernels: dict[str, Callable[[Floats, Floats], float]] = {
        "mae": regression.mae,
        "rmse": regression.rmse,
        "mape": regression.mape,
        "r2": regression.r2,
    }
    details = {"mape": {"zero_targets": int(np.count_nonzero(target == 0))}}
    scores = {}
    for metric, kernel in kernels.items():
        with np.errstate(over="ignore", invalid="ignore"):
            value = kernel(target, prediction)
        problem = "too large for a float64" if n > 1 else f"{n} rows are too few"
        if np.isfinite(value):
            problem = ""
        scores[metric] = Score(n, value, problem, detail=details.get(metric, {}))
    return Scores(labelled, n, scores)


def _classification(labels: LabelledRows) -> Scores:
    classes = Classes.of(
        labels.target,
        labels.prediction,
        labels.by_class,
        labels.positive_label,
        known=labels.classes,
    )
    labelled = classes.target >= 0
    both = labelled & (classes.prediction >= 0)
    n = int(np.count_nonzero(both))
    counts = ClassCounts.of(classes.target[both], classes.prediction[both], len(classes.names))
    scores = {
        "accuracy": Score(n, counts.accuracy, "" if n else "no labels"),
        "precision": _of_classes(classes, n, counts.precision),
        "recall": _of_classes(classes, n, counts.recall),
        "f1": _of_classes(classes, n, counts.f1),
        "roc_auc": _without_probabilities(classes, n) or _roc_auc(classes, both),
        "log_loss": _without_probabilities(classes, n) or _log_loss(classes, both),
    }
    if n and classes.foreign:
        scores = {metric: _strange(classes, score) for metric, score in scores.items()}
    return Scores(int(np.count_nonzero(labelled)), n, scores)


def _strange(classes: Classes, score: Score) -> Score:
    """Return what a metric is worth whose target and prediction have no class in common."""
    if score.absence is Status.SKIPPED and not classes.probabilities:
        return score
    return replace(score, problem=classes.foreign, absence=Status.ERROR, by_chance=True)


def _of_classes(classes: Classes, n: int, of: Callable[[int | None], float]) -> Score:
    unclear = _unclear_positive(classes, n)
    if not n or unclear is not None:
        return unclear or Score(n, problem="no labels")
    value = of(classes.positive)
    problem = "" if np.isfinite(value) else "no row counts for the positive class"
    return Score(n, value, problem, detail={"average": _average(classes)})


def _roc_auc(classes: Classes, rows: Mask) -> Score:
    unclear = _unclear_positive(classes, int(np.count_nonzero(rows)))
    if unclear is not None:
        return unclear
    numbers = range(len(classes.names)) if classes.positive is None else [classes.positive]
    columns = {number: classes.probability_of(number) for number in numbers}
    known = _known(rows, columns.values())
    areas = [
        roc_auc(classes.target[known] == number, column[known])
        for number, column in columns.items()
        if column is not None
    ]
    defined = [area for area in areas if np.isfinite(area)]
    n = int(np.count_nonzero(known))
    if not defined:
        return Score(n, problem="the labels are all of one class")
    left_out = len(columns) - len(defined)
    detail: dict[str, Scalar] = {"average": _average(classes), "classes_left_out": left_out}
    return Score(n, float(np.mean(defined)), detail=detail)


def _log_loss(classes: Classes, rows: Mask) -> Score:
    columns = {int(i): classes.probability_of(int(i)) for i in np.unique(classes.target[rows])}
    given = {number: column for number, column in columns.items() if column is not None}
    known = _known(rows, given.values())
    n = int(np.count_nonzero(known))
    if len(given) < len(columns):
        if len(classes.names) == 1:
            return _one_class(n)
        return Score(n, problem="a class has no probability column", absence=Status.ERROR)
    if any(np.any((column[known] < 0) | (column[known] > 1)) for column in given.values()):
        return Score(n, problem="a probability lies outside [0, 1]", absence=Status.ERROR)
    if _do_not_sum_to_one(classes, known):
        return Score(n, problem="a row's probabilities do not sum to 1", absence=Status.ERROR)
    actual = np.zeros(n)
    target = classes.target[known]
    for number, column in given.items():
        own = target == number
        actual[own] = column[known][own]
    return Score(n, log_loss(actual), "" if n else "no labels with a probability")


def _without_probabilities(classes: Classes, n: int) -> Score | None:
    if not classes.probabilities:
        return Score(n, problem="columns.probability is not given", absence=Status.SKIPPED)
    if -1 in classes.probabilities and len(classes.names) > 2:
        problem = "one probability column does not do for more than two classes"
        return Score(n, problem=problem, absence=Status.SKIPPED)
    return None


def _unclear_positive(classes: Classes, n: int) -> Score | None:
    """Say why there is no telling the positive class from the negative one."""
    if len(classes.names) == 1:
        return _one_class(n)
    if classes.is_stray_positive:
        problem = "columns.positive_label is none of the two classes in the data"
        return Score(n, problem=problem, absence=Status.ERROR)
    return None


def _one_class(n: int) -> Score:
    return Score(n, problem="one class only; columns.positive_label would tell which it is")


def _known(rows: Mask, columns: Iterable[Floats | None]) -> Mask:
    known = rows.copy()
    for column in columns:
        if column is not None:
            known &= ~np.isnan(column)
    return known


def _do_not_sum_to_one(classes: Classes, rows: Mask) -> bool:
    if len(classes.probabilities) < max(len(classes.names), 2):
        return False
    total = np.sum([column[rows] for column in classes.probabilities.values()], axis=0)
    return bool(np.any(np.abs(total - 1) > SUM_TOLERANCE))


def _average(classes: Classes) -> str:
    return "macro" if classes.positive is None else "binary"
