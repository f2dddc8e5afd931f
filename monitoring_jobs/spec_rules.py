"""What keys of a monitor file say together and may not.

Rules judge the raw file, so that they speak up beside what is wrong with single keys: anything they
meet may be of a wrong type or absent.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pydantic

from monitoring_jobs import drift_methods
from monitoring_jobs.windows import Duration

TASK_METRICS = {
    "classification": ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss"),
    "regression": ("mae", "rmse", "mape", "r2"),
}
PROBABILITY_METRICS = frozenset({"roc_auc", "log_loss"})

# What keys of a file say together and may not: where to mend it, and what is wrong.
Problem = tuple[tuple[str | int, ...], str]


# --- reading what is not judged yet ---------------------------------------------------------------
def value_at(raw: Any, *key: str | int) -> Any:
    """Return what stands at a key; None where nothing does."""
    for part in key:
        if isinstance(raw, Mapping):
            raw = raw.get(part)
        else:
            raw = getattr(raw, str(part), None) if isinstance(raw, pydantic.BaseModel) else None
    return raw


def is_absent(raw: Any, *key: str) -> bool:
    """Whether a key is not given; one inside something unreadable is not known to be absent."""
    for part in key:
        if raw is not None and not isinstance(raw, (Mapping, pydantic.BaseModel)):
            return False
        raw = value_at(raw, part)
    return raw is None


def text_at(raw: Any, *key: str) -> str | None:
    """Return the text at a key; None where there is none."""
    found = value_at(raw, *key)
    return found if isinstance(found, str) else None


def names_at(raw: Any, *key: str) -> list[tuple[int, str]]:
    """Return the names in a list, each with its place."""
    found = value_at(raw, *key)
    listed = found if isinstance(found, (list, tuple, set, frozenset)) else ()
    return [(place, name) for place, name in enumerate(listed) if isinstance(name, str)]


def as_number(raw: Any) -> float | None:
    """Return what reads as a number as one; None where it does not."""
    try:
        return float(raw)
    except (TypeError, ValueError, OverflowError):
        return None


# --- what parts of a file say together ------------------------------------------------------------
def _rows_have_their_time(raw: Any) -> Iterator[Problem]:
    source = text_at(raw, "data", "source")
    if source not in {"parquet", "csv", "sql"} or not is_absent(raw, "data", "timestamp"):
        return
    if source != "sql":
        yield ("data", "timestamp"), "needed to place rows in a window; name a column"
    elif not _binds_the_window(text_at(raw, "data", "query") or ""):
        cure = "name a column, or bind :start and :end in the query"
        yield ("data", "timestamp"), f"needed to place rows in a window; {cure}"


def _binds_the_window(query: str) -> bool:
    return all(re.search(rf"(?<!:):{bind}\b", query) for bind in ("start", "end"))


def _an_artifact_has_its_run(raw: Any) -> Iterator[Problem]:
    is_artifact = text_at(raw, "reference", "source") == "mlflow_artifact"
    if is_artifact and is_absent(raw, "model") and is_absent(raw, "reference", "run_id"):
        yield ("reference", "run_id"), "needed where no model is named"


def _labels_have_their_task(raw: Any) -> Iterator[Problem]:
    task = value_at(raw, "task")
    if task is None and value_at(raw, "columns", "target") is not None:
        yield ("task",), "say classification or regression, as columns.target is given"
    if task in (None, "regression") and value_at(raw, "columns", "probability") is not None:
        yield ("columns", "probability"), "is for task: classification only; say so or remove it"


def _bounds_can_be_checked(raw: Any) -> Iterator[Problem]:
    needed = (("task",), ("columns", "target"), ("columns", "prediction"))
    absent = [".".join(key) for key in needed if is_absent(raw, *key)]
    metrics = TASK_METRICS.get(text_at(raw, "task") or "")
    for metric in (*TASK_METRICS["classification"], *TASK_METRICS["regression"], "label_coverage"):
        key = ("checks", "performance", metric)
        if value_at(raw, *key) is None:
            continue
        if metrics and metric not in (*metrics, "label_coverage"):
            known = ", ".join((*metrics, "label_coverage"))
            yield key, f"is no metric of {text_at(raw, 'task')}; use one of {known}"
            continue
        lacking = [*absent]
        if metric in PROBABILITY_METRICS and is_absent(raw, "columns", "probability"):
            lacking.append("columns.probability")
        if lacking:
            yield key, f"cannot be checked without {' and '.join(lacking)}; add what is missing"


def _exceptions_are_for_judged_columns(raw: Any) -> Iterator[Problem]:
    if not (names_at(raw, "columns", "numerical") or names_at(raw, "columns", "categorical")):
        return  # the model's signature or the reference says which are judged
    judged = _kinds(raw)
    for check in ("quality", "drift"):
        exceptions = value_at(raw, "checks", check, "columns")
        for name in exceptions if isinstance(exceptions, Mapping) else ():
            if isinstance(name, str) and name not in judged:
                close = difflib.get_close_matches(name, judged, n=1, cutoff=0.5)
                cure = f"did you mean {close[0]!r}?" if close else "list it under columns"
                yield ("checks", check, "columns", name), f"is no feature listed here; {cure}"


def _segments_are_named_once(raw: Any) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, name in names_at(raw, "segments"):
        if name in seen:
            yield ("segments", place), f"{name!r} is listed twice; keep one"
        seen.add(name)


def _methods_suit_their_columns(raw: Any) -> Iterator[Problem]:
    kinds = _kinds(raw)
    columns = value_at(raw, "checks", "drift", "columns")
    for name in columns if isinstance(columns, Mapping) else ():
        kind, method = kinds.get(name), text_at(columns, name, "method")
        own = drift_methods.SPELLINGS.get(method or "", method or "")
        if kind is None or own not in drift_methods.METHODS:
            continue
        try:
            drift_methods.require_kind(own, kind)
        except ValueError as exc:
            yield ("checks", "drift", "columns", name, "method"), str(exc)


def _deadline_is_after_the_delay(raw: Any) -> Iterator[Problem]:
    deadline, delay = text_at(raw, "deadline"), text_at(raw, "delay") or "0s"
    try:
        if deadline is None or Duration.parse(deadline).nominal > Duration.parse(delay).nominal:
            return
    except ValueError:
        return  # the key itself says what is wrong
    yield ("deadline",), f"is not later than delay {delay}; every run would be late"


def _kinds(raw: Any) -> dict[str, str | None]:
    """Return the kind of every column that the file says is judged; None where data decides."""
    kinds: dict[str, str | None] = {}
    for kind in ("numerical", "categorical"):
        kinds |= dict.fromkeys((name for _, name in names_at(raw, "columns", kind)), kind)
    prediction = text_at(raw, "columns", "prediction")
    if prediction is not None:
        by_task = {"regression": "numerical", "classification": "categorical"}
        kinds.setdefault(prediction, by_task.get(text_at(raw, "task") or ""))
    return kinds


RULES: tuple[Callable[[Any], Iterator[Problem]], ...] = (
    _rows_have_their_time,
    _an_artifact_has_its_run,
    _labels_have_their_task,
    _bounds_can_be_checked,
    _exceptions_are_for_judged_columns,
    _methods_suit_their_columns,
    _segments_are_named_once,
    _deadline_is_after_the_delay,
)
