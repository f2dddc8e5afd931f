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

from monitoring_jobs.windows import Window, utc_text

SCHEMA_VERSION = 1

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
        """Build from the JSON object of evaluation.json."""
        return cls(**{**raw, "status": Status(raw["status"])})


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
            ValueError: Not an evaluation, or one of another schema version.
        """
        raw = json.loads(text)
        if not isinstance(raw, dict) or raw.get("schema_version") != SCHEMA_VERSION:
            raise ValueError(f"not an evaluation of schema version {SCHEMA_VERSION}")
        try:
            return cls(
                monitor=raw["monitor"],
                model=ModelRef(**raw["model"]),
                window=Window(_instant(raw["window"]["start"]), _instant(raw["window"]["end"])),
                status=Status(raw["status"]),
                rows=RowCounts(**raw["rows"]),
                reference_id=raw["reference_id"],
                spec_hash=raw["spec_hash"],
                code_version=raw["code_version"],
                attempt=raw["attempt"],
                computed_at=_instant(raw["computed_at"]),
                owner=raw.get("owner", ""),
                duration_seconds=raw.get("duration_seconds", 0.0),
                peak_memory_bytes=raw.get("peak_memory_bytes", 0),
                report=raw.get("report"),
                sinks=tuple(raw.get("sinks", ("postgres", "pushgateway"))),
                measurements=tuple(Measurement.from_dict(m) for m in raw["measurements"]),
            )
        except (KeyError, TypeError) as exc:
            raise ValueError(f"not an evaluation: {exc}") from exc


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


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
