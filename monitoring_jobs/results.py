"""The results model that every check fills and every sink reads."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from monitoring_jobs.errors import EmptyWindow
from monitoring_jobs.windows import Window, as_utc, utc_text

SCHEMA_VERSION = 1

_MODEL = ("name", "version", "alias")
_ROWS = ("current", "reference", "sampled")
_SURROGATE = re.compile("[\ud800-\udfff]")

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
    """One number with its judgement.

    Attributes:
        check: Family of the measurement: schema, quality, drift or performance.
        metric: Name of the number; a drift measurement bears its method's name.
        column: Column it was measured on; empty for the whole dataset.
        segment: ``column=value`` of a segment; empty for the whole window.
        value: The number; None where there is none. Never NaN or infinite.
        threshold: What the value was compared with; None where it is not judged.
        status: The judgement.
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
        value = None if self.value is None else float(self.value)
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{self.check}.{self.metric} of {self.column!r} is {value}")
        object.__setattr__(self, "value", value)
        # An integer would be written as 1 here and as 1.0 after it was read again.
        threshold = None if self.threshold is None else float(self.threshold)
        object.__setattr__(self, "threshold", threshold)

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
        fields = _Fields(raw, "measurement")
        return cls(
            check=fields.text("check"),
            metric=fields.text("metric"),
            column=fields.text("column"),
            segment=fields.text("segment"),
            value=fields.number_or_none("value"),
            threshold=fields.number_or_none("threshold"),
            status=fields.status("status"),
            detail=_detail(fields.part("detail").raw),
        )


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

    def __post_init__(self) -> None:
        seen: set[tuple[str, str, str, str]] = set()
        for measurement in self.measurements:
            if measurement.key in seen:
                raise ValueError(f"two measurements of {measurement.key}")
            seen.add(measurement.key)

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
            "measurements": [m.as_dict() for m in self.measurements],
        }

    def to_json(self) -> str:
        """Return strict JSON: no NaN, no infinity, no lone surrogate."""
        text = json.dumps(self.as_dict(), indent=1, allow_nan=False, ensure_ascii=False)
        return _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)

    @classmethod
    def from_json(cls, text: str | bytes) -> Evaluation:
        """Read what ``to_json`` wrote.

        Raises:
            ValueError: Not an evaluation, or one of another schema version. The message quotes no
                value.
        """
        raw = _strict_json(text)
        version = raw.get("schema_version") if isinstance(raw, dict) else None
        if type(version) is not int or version != SCHEMA_VERSION:
            raise ValueError(f"not an evaluation of schema version {SCHEMA_VERSION}")
        fields = _Fields(raw, "evaluation")
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
            status=fields.status("status"),
            rows=RowCounts(**{name: rows.count(name) for name in _ROWS}),
            reference_id=fields.text("reference_id"),
            spec_hash=fields.text("spec_hash"),
            code_version=fields.text("code_version"),
            attempt=fields.text("attempt"),
            computed_at=fields.instant("computed_at"),
            report=fields.text_or_none("report") if "report" in raw else None,
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


def _strict_json(text: str | bytes) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("not an evaluation: nested too deeply") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"not an evaluation: {name} is no JSON")


class _Fields:
    """The fields of a JSON object; each is read as one type, or refused by name."""

    def __init__(self, raw: Any, what: str) -> None:
        if not isinstance(raw, dict):
            raise ValueError(f"{what} is not an object")  # noqa: TRY004 the file is to blame
        self.raw: dict[str, Any] = raw
        self._what = what

    def text(self, name: str) -> str:
        return str(self._typed(name, str, "text"))

    def text_or_none(self, name: str) -> str | None:
        return None if self._given(name) is None else self.text(name)

    def texts(self, name: str) -> tuple[str, ...]:
        items = self.items(name)
        if not all(isinstance(item, str) for item in items):
            raise self._wrong(name, "a list of texts")
        return tuple(items)

    def items(self, name: str) -> list[Any]:
        return list(self._typed(name, list, "a list"))

    def part(self, name: str) -> _Fields:
        return _Fields(self._given(name), f"{self._what}.{name}")

    def count(self, name: str) -> int:
        number = self._given(name)
        # Counts end up in a bigint column.
        if type(number) is not int or not 0 <= number < 2**63:
            raise self._wrong(name, "a count")
        return number

    def positive(self, name: str) -> float:
        number = self.number_or_none(name)
        if number is None or number < 0:
            raise self._wrong(name, "a number from 0 on")
        return number

    def number_or_none(self, name: str) -> float | None:
        number = self._given(name)
        if number is not None and not _is_number(number):
            raise self._wrong(name, "a finite number")
        return None if number is None else float(number)

    def status(self, name: str) -> Status:
        try:
            return Status(self.text(name))
        except ValueError:
            raise self._wrong(name, f"one of {', '.join(Status)}") from None

    def instant(self, name: str) -> datetime:
        try:
            return as_utc(datetime.fromisoformat(self.text(name)))
        except (ValueError, OverflowError):
            raise self._wrong(name, "a time with a zone") from None

    def _given(self, name: str) -> Any:
        if name not in self.raw:
            raise ValueError(f"{self._what}.{name} is missing")
        return self.raw[name]

    def _typed(self, name: str, kind: type, called: str) -> Any:
        value = self._given(name)
        if not isinstance(value, kind):
            raise self._wrong(name, called)
        return value

    def _wrong(self, name: str, called: str) -> ValueError:
        return ValueError(f"{self._what}.{name} is not {called}")


def _is_number(value: Any) -> bool:
    if type(value) not in (int, float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond float64
        return False


def _detail(raw: dict[str, Any]) -> Detail:
    for value in raw.values():
        if not (value is None or isinstance(value, str | bool) or _is_number(value)):
            raise ValueError("measurement.detail holds something else than scalars")
    return raw


def _window(fields: _Fields) -> Window:
    try:
        return Window(fields.instant("start"), fields.instant("end"))
    except EmptyWindow:
        raise ValueError("evaluation.window.start is not before its end") from None
