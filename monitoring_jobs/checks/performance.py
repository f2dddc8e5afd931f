"""How well the predictions of a window meet the labels that have arrived for it."""

from __future__ import annotations

from monitoring_jobs.checks.case import Scribe
from monitoring_jobs.checks.labels import LabelledRows
from monitoring_jobs.checks.scores import METRICS, Score, score
from monitoring_jobs.results import Measurement, Scalar, Status
from monitoring_jobs.spec import Bound, PerformanceCheck

__all__ = ["LabelledRows", "check_performance"]


def check_performance(
    labels: LabelledRows, *, segment: str, spec: PerformanceCheck
) -> list[Measurement]:
    """Measure every metric of the task on the rows that hold both a prediction and a target.

    Two classes are judged by the positive one: the ``positive_label``, else the greater label (as
    a number if both are). More are averaged without weights (macro), and their ROC AUC is that of
    each class against the rest. Probability metrics without probabilities are ``skipped``, and so
    are bounds on metrics of the other task. ``label_coverage`` is the share of rows with a target,
    ``prediction_coverage`` the share of those that have a prediction, a warning below 1; both are
    measured and judged however few there are.

    Args:
        labels: The rows.
        segment: ``column=value``; empty for the whole window.
        spec: The bounds, and how many labelled rows a judgment needs.
    """
    scores = score(labels)
    measurements = [
        _label_coverage(scores.labelled, len(labels.target), segment, spec),
        _prediction_coverage(scores.predicted, scores.labelled, segment),
    ]
    for metric, value in scores.metrics.items():
        few = f"{value.n} labelled rows, {spec.min_labels} needed"
        caveat = few if value.n < spec.min_labels else ""
        scribe = Scribe(check="performance", segment=segment, caveat=caveat)
        measurements.append(_judge(scribe, metric, value, getattr(spec, metric)))
    scribe = Scribe(check="performance", segment=segment)
    return measurements + [
        scribe.skip(metric, f"no metric of {labels.task}")
        for task, metrics in METRICS.items()
        for metric in metrics
        if task != labels.task and getattr(spec, metric) is not None
    ]


def _label_coverage(labelled: int, rows: int, segment: str, spec: PerformanceCheck) -> Measurement:
    share = Score(rows, labelled / rows, detail={"labels": labelled}) if rows else Score(0)
    scribe = Scribe(check="performance", segment=segment, caveat="" if rows else "no rows")
    return _judge(scribe, "label_coverage", share, spec.label_coverage)


def _prediction_coverage(predicted: int, labelled: int, segment: str) -> Measurement:
    detail: dict[str, Scalar] = {"n": labelled, "predictions": predicted}
    if not labelled:
        detail["reason"] = "no labels"
    return Scribe(check="performance", segment=segment).write(
        "prediction_coverage",
        predicted / labelled if labelled else None,
        threshold=1.0,
        status=Status.OK if predicted == labelled else Status.WARNING,
        detail=detail,
    )


def _judge(scribe: Scribe, metric: str, score: Score, bound: Bound | None) -> Measurement:
    by_chance = score.by_chance and scribe.caveat
    if score.problem and score.absence is Status.ERROR and not by_chance:
        return scribe.error(metric, score.problem)
    if score.problem and score.absence is Status.SKIPPED:
        return scribe.skip(metric, score.problem)
    side, threshold, status = _bounded(score.value, bound)
    detail: dict[str, Scalar] = {"n": score.n, **score.detail}
    if bound is not None:
        detail |= {"min": bound.min, "max": bound.max, "bound": side}
    if score.problem and not scribe.caveat:
        detail["reason"] = score.problem
    return scribe.write(metric, score.value, threshold=threshold, status=status, detail=detail)


def _bounded(value: float, bound: Bound | None) -> tuple[str | None, float | None, Status]:
    """Return which end of the range the value was held against, that end, and the judgment."""
    if bound is None:
        return None, None, Status.OK
    if bound.max is not None and (bound.min is None or value > bound.max):
        return "max", bound.max, Status.FAILED if value > bound.max else Status.OK
    least = bound.min
    return "min", least, Status.FAILED if least is not None and value < least else Status.OK
