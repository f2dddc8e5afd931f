"""The results model that every check fills and every sink reads."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from operator import attrgetter, itemgetter
from typing import Any

from monitoring_jobs.errors import EmptyWindow
from monitoring_jobs.evaluation_ids import evaluation_id
from monitoring_jobs.json_fields import Fields, is_finite_number, strict_json
from monitoring_jobs.windows import Window, utc_text

SCHEMA_VERSION = 1

_MODEL = ("name", "version", "alias")
_ROWS = ("current", "reference", "sampled")
_SURROGATE = re.compile("[\ud800-\udfff]")

# Indentation makes Python's encoder several times slower than a line per measurement.
_to_json = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode
_NO_MEASUREMENTS = "[]\n}"

Scalar = str | int | float | bool | None
Detail = Mapping[str, Scalar]


class Status(StrEnum):
    """How a measurement, or a whole evaluation, is judged."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    INSUFFICIENT_DATA = "insufficient_data"
    SKIPPED = "skipped"
    ERROR = "error"

    @property
    def severity(self) -> int:
        """Rank among the statuses, 0 the mildest; the worst of many is the one that ranks highest.

        ``skipped`` and ``insufficient_data`` rank below ``ok``: what could not be judged hides
        neither a pass nor a failure of what could (docs/decisions/0002-status-order.md).
        """
        return _SEVERITY.index(self)


_SEVERITY = (
    Status.SKIPPED,
    Status.INSUFFICIENT_DATA,
    Status.OK,
    Status.WARNING,
    Status.FAILED,
    Status.ERROR,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One number with its judgment.

    Attributes:
        check: Family of the measurement: schema, quality, drift or performance.
        metric: Name of the number; a drift measurement bears its method's name.
        column: Column it was measured on; empty for the whole dataset.
        segment: ``column=value`` of a segment; empty for the whole window.
        value: The number; None where there is none. Never NaN or infinite.
        threshold: What the value was compared with; None where it is not judged.
        status: The judgment.
        detail: Scalars that explain the number: method, sample sizes, reason.
    """

    check: str
    metric: str
    status: Status
    column: str = ""
    segment: str = ""
    value: float | None = None
    threshold: float | None = None
    detail: Detail = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.value is not None:
            value = float(self.value)
            if not math.isfinite(value):
                raise ValueError(f"{self.check}.{self.metric} of {self.column!r} is {value}")
            object.__setattr__(self, "value", value)
        # An integer would be written as 1 here and as 1.0 after it was read again.
        if self.threshold is not None:
            object.__setattr__(self, "threshold", float(self.threshold))

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What identifies the measurement within its evaluation."""
        return (self.check, self.metric, self.column, self.segment)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON object of evaluation.json."""
        return {
            "check": self.check,
            "metric": self.metric,
            "column": self.column,
            "segment": self.segment,
            "value": self.value,
            "threshold": self.threshold,
            "status": str(self.status),
            "detail": dict(self.detail),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> Measurement:
        """Build from the JSON object of evaluation.json.

        Raises:
            ValueError: A field is absent or of a wrong type.
        """
        values = _as_written(raw)
        if values is not None:
            check, metric, column, segment, value, threshold, status, detail = values
            return cls(
                check=check,
                metric=metric,
                column=column,
                segment=segment,
                value=value,
                threshold=threshold,
                status=_STATUSES[status],
                detail=_detail(detail),
            )
        fields = Fields(raw, "measurement")
        return cls(
            check=fields.text("check"),
            metric=fields.text("metric"),
            column=fields.text("column"),
            segment=fields.text("segment"),
            value=fields.number_or_none("value"),
            threshold=fields.number_or_none("threshold"),
            status=Status(fields.one_of("status", _STATUSES)),
            detail=_detail(fields.part("detail").raw),
        )


_KEY = attrgetter("check", "metric", "column", "segment")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """Which model an evaluation speaks of; None where MLflow was not asked."""

    name: str | None = None
    version: str | None = None
    alias: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCounts:
    """Rows in the window, in the reference, and drawn for the report."""

    current: int
    reference: int
    sampled: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DagRunRef:
    """The Airflow Dag run that computed an evaluation."""

    dag_id: str
    run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All measurements of one monitor on one window.

    Attributes:
        monitor: Name of the monitor.
        window: What was judged.
        status: The verdict, see ``verdict``.
        rows: Row counts.
        reference_id: Content hash of the reference; empty where it could not be read.
        spec_hash: Hash of the monitor file's meaning.
        code_version: Version of this package.
        attempt: Unique id of the execution that computed it.
        computed_at: When that execution began, UTC; a later attempt replaces an earlier one.
        duration_seconds: Wall time of that execution, report included.
        peak_memory_bytes: Peak resident memory of the process that computed it.
        report: File name of the HTML report beside evaluation.json; None where none was rendered.
        sinks: Where the monitor file wants it published.
        dag_run: The Dag run that computed it; None outside Airflow.
        due_at: When the evaluation of the window that follows should be there.
    """

    monitor: str
    model: ModelRef
    window: Window
    status: Status
    rows: RowCounts
    reference_id: str
    spec_hash: str
    code_version: str
    attempt: str
    computed_at: datetime
    measurements: tuple[Measurement, ...]
    owner: str = ""
    duration_seconds: float = 0.0
    peak_memory_bytes: int = 0
    report: str | None = None
    sinks: tuple[str, ...] = ("postgres", "pushgateway")
    dag_run: DagRunRef | None = None
    due_at: datetime | None = None

    def __post_init__(self) -> None:
        seen: set[tuple[str, str, str, str]] = set()
        for key in map(_KEY, self.measurements):
            if key in seen:
                raise ValueError(f"two measurements of {key}")
            seen.add(key)

    @property
    def id(self) -> str:
        """Name of the monitor's window, the same for every attempt at it."""
        return evaluation_id(self.monitor, self.window)

    def as_dict(self) -> dict[str, Any]:
        """Return the object that evaluation.json holds."""
        return {
            "schema_version": SCHEMA_VERSION,
            "monitor": self.monitor,
            "model": {
                "name": self.model.name,
                "version": self.model.version,
                "alias": self.model.alias,
            },
            "window": {"start": utc_text(self.window.start), "end": utc_text(self.window.end)},
            "status": str(self.status),
            "rows": {
                "current": self.rows.current,
                "reference": self.rows.reference,
                "sampled": self.rows.sampled,
            },
            "reference_id": self.reference_id,
            "spec_hash": self.spec_hash,
            "code_version": self.code_version,
            "attempt": self.attempt,
            "computed_at": utc_text(self.computed_at),
            "owner": self.owner,
            "duration_seconds": self.duration_seconds,
            "peak_memory_bytes": self.peak_memory_bytes,
            "report": self.report,
            "sinks": list(self.sinks),
            "dag_run": self.dag_run
            and {"dag_id": self.dag_run.dag_id, "run_id": self.dag_run.run_id},
            "due_at": self.due_at and utc_text(self.due_at),
            "measurements": [m.as_dict() for m in self.measurements],
        }

    def to_json(self) -> str:
        """Return strict JSON: no NaN, no infinity, no lone surrogate; a line per measurement."""
        head = json.dumps(
            replace(self, measurements=()).as_dict(), indent=1, allow_nan=False, ensure_ascii=False
        )
        lines = ",\n  ".join([_to_json(m.as_dict()) for m in self.measurements])
        text = head if not lines else f"{head.removesuffix(_NO_MEASUREMENTS)}[\n  {lines}\n ]\n}}"
        return text if text.isascii() else _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)

    @classmethod
    def from_json(cls, text: str | bytes) -> Evaluation:
        """Read what ``to_json`` wrote.

        Raises:
            ValueError: Not an evaluation, or one of another schema version. The message quotes no
                value.
        """
        raw = strict_json(text)
        version = raw.get("schema_version") if isinstance(raw, dict) else None
        if type(version) is not int or version != SCHEMA_VERSION:
            raise ValueError(f"not an evaluation of schema version {SCHEMA_VERSION}")
        fields = Fields(raw, "evaluation")
        model, window, rows = fields.part("model"), fields.part("window"), fields.part("rows")
        optional: dict[str, Any] = {
            name: read(name)
            for name, read in (
                ("owner", fields.text),
                ("duration_seconds", fields.positive),
                ("peak_memory_bytes", fields.count),
                ("sinks", fields.texts),
            )
            if name in raw
        }
        return cls(
            monitor=fields.text("monitor"),
            model=ModelRef(**{name: model.text_or_none(name) for name in _MODEL}),
            window=_window(window),
            status=Status(fields.one_of("status", _STATUSES)),
            rows=RowCounts(**{name: rows.count(name) for name in _ROWS}),
            reference_id=fields.text("reference_id"),
            spec_hash=fields.text("spec_hash"),
            code_version=fields.text("code_version"),
            attempt=fields.text("attempt"),
            computed_at=fields.instant("computed_at"),
            report=fields.text_or_none("report") if "report" in raw else None,
            dag_run=_dag_run(fields) if raw.get("dag_run") is not None else None,
            due_at=fields.instant("due_at") if raw.get("due_at") is not None else None,
            measurements=tuple(map(Measurement.from_dict, fields.items("measurements"))),
            **optional,
        )


def verdict(measurements: Iterable[Measurement]) -> Status:
    """Return the worst status, save that a window which could not be judged does not pass.

    Labels may come late, so performance without labels leaves the verdict to the other checks.
    Rows and drift may not be missing: while the whole window lacks the data to judge either, ``ok``
    becomes ``insufficient_data``.
    """
    everything = tuple(measurements)
    worst = max(
        (m.status for m in everything), key=lambda s: s.severity, default=Status.INSUFFICIENT_DATA
    )
    unjudged = any(
        m.status is Status.INSUFFICIENT_DATA
        and m.check in ("quality", "drift")
        and m.column == m.segment == ""
        for m in everything
    )
    return Status.INSUFFICIENT_DATA if worst is Status.OK and unjudged else worst


_STATUSES: Mapping[Any, Status] = {str(status): status for status in Status}
_NUMBER = (float, type(None))
_TYPES = frozenset(
    (str, str, str, str, value, threshold, str, dict) for value in _NUMBER for threshold in _NUMBER
)
_VALUES = itemgetter(
    "check", "metric", "column", "segment", "value", "threshold", "status", "detail"
)


def _as_written(raw: Any) -> tuple[Any, ...] | None:
    """Return the values of a measurement that is just as ``as_dict`` writes it, as most are.

    None for any other: it is to be read field by field, so that what is at fault is named.
    """
    try:
        values: tuple[Any, ...] = _VALUES(raw)
    except (KeyError, TypeError):
        return None
    _, _, _, _, value, threshold, status, _ = values
    sound = (
        tuple(map(type, values)) in _TYPES
        and status in _STATUSES
        and (value is None or math.isfinite(value))
        and (threshold is None or math.isfinite(threshold))
    )
    return values if sound else None


def _detail(raw: dict[str, Any]) -> Detail:
    for value in raw.values():
        if not (value is None or isinstance(value, str | bool) or is_finite_number(value)):
            raise ValueError("measurement.detail holds something else than scalars")
    return raw


def _dag_run(fields: Fields) -> DagRunRef:
    run = fields.part("dag_run")
    return DagRunRef(dag_id=run.text("dag_id"), run_id=run.text("run_id"))


def _window(fields: Fields) -> Window:
    try:
        return Window(fields.instant("start"), fields.instant("end"))
    except EmptyWindow:
        raise ValueError("evaluation.window.start is not before its end") from None
