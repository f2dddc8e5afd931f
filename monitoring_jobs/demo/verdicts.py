"""What the monitors made of the traffic, read back from Postgres as the role ``reader``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from monitoring_jobs.database import queries, reading
from monitoring_jobs.results import Status
from monitoring_jobs.windows import Window

_BAD = (Status.WARNING, Status.FAILED, Status.ERROR)
_NAMED = 3
# A laptop that starts a whole stack meanwhile answers late.
_CONNECT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """A measurement that explains a verdict; the attributes are those of ``Measurement``."""

    check: str
    metric: str
    column: str
    segment: str
    value: float | None
    threshold: float | None
    status: str

    @property
    def key(self) -> tuple[str, str, str]:
        """Check, metric and column."""
        return (self.check, self.metric, self.column)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One judged window of one monitor.

    Attributes:
        monitor: Name of the monitor.
        day: Start of the window.
        status: The verdict.
        rows: Rows judged.
        report: File name of the report.
        findings: What explains the verdict.
    """

    monitor: str
    day: datetime
    status: Status
    rows: int
    report: str | None
    findings: tuple[Finding, ...] = field(default=())

    @property
    def blamed(self) -> list[Finding]:
        """Findings on the whole window that are not in order."""
        return [f for f in self.findings if not f.segment and f.status in _BAD]

    @property
    def reason(self) -> str:
        """Why the window is not ok, in a few words; for an ok one, what could not be judged."""
        parts = [
            *self._drift(),
            *self._shares("missing_share", "missing values in"),
            *self._shares("new_category_share", "new categories in"),
            *self._performance(),
            *self._others(),
        ]
        if not parts and self.status in _BAD:
            parts = [f"segment {f.segment}: {_words(f)}" for f in self.findings if f.status in _BAD]
            parts = parts[:_NAMED]
        return "; ".join(parts)

    @property
    def awaits_labels(self) -> bool:
        """Whether not one label of the window has arrived."""
        return any(f.metric == "label_coverage" and f.value == 0 for f in self.findings)

    def _drift(self) -> list[str]:
        columns = [f for f in self.blamed if f.check == "drift" and f.column]
        if not columns:
            return []
        columns.sort(key=lambda f: -(f.value or 0.0))
        names = _some([f"{f.column} {_number(f.value)}" for f in columns])
        share = next(
            (f for f in self.findings if f.metric == "drifted_share" and not f.segment), None
        )
        if share is not None and share.status == Status.FAILED:
            return [f"{_percent(share.value)} of the features drifted: {names}"]
        return [f"drift in {names} (limit {_number(columns[0].threshold)})"]

    def _shares(self, metric: str, words: str) -> list[str]:
        found = [f for f in self.blamed if f.metric == metric]
        if not found:
            return []
        names = _some([f"{f.column} {_percent(f.value)}" for f in found])
        return [f"{words} {names} (limit {_percent(found[0].threshold)})"]

    def _performance(self) -> list[str]:
        return [_words(f) for f in self.blamed if f.check == "performance"]

    def _others(self) -> list[str]:
        told = {"missing_share", "new_category_share"}
        rest = [
            _words(f)
            for f in self.blamed
            if f.check not in ("drift", "performance") and f.metric not in told
        ]
        return [_some(rest)] if rest else []


def read_verdicts(url: str, span: Window) -> list[Verdict]:
    """Return the verdicts on all windows inside ``span``, by monitor and day."""
    ends = {"start": span.start, "end": span.end}
    findings: dict[tuple[str, datetime], list[Finding]] = defaultdict(list)
    with reading(url, connect_timeout_seconds=_CONNECT_SECONDS) as cursor:
        cursor.execute(queries("demo")["findings"], ends)
        for monitor, day, *measured in cursor.fetchall():
            findings[monitor, day].append(Finding(*measured))
        cursor.execute(queries("demo")["verdicts"], ends)
        return [
            Verdict(monitor, day, Status(status), rows, report, tuple(findings[monitor, day]))
            for monitor, day, status, rows, report in cursor.fetchall()
        ]


def read_extracted(url: str) -> Mapping[str, int]:
    """Return how many runs, metrics, parameters and so on the extraction has stored."""
    with reading(url, connect_timeout_seconds=_CONNECT_SECONDS) as cursor:
        cursor.execute(queries("demo")["extracted"])
        names = [column.name for column in cursor.description or ()]
        return dict(zip(names, cursor.fetchone() or (), strict=True))


def _words(finding: Finding) -> str:
    place = f" of {finding.column}" if finding.column else ""
    if finding.value is None:
        return f"{finding.metric}{place}"
    if finding.threshold is None:
        return f"{finding.metric}{place} {_number(finding.value)}"
    sign = "above" if finding.value > finding.threshold else "below"
    limit = _number(finding.threshold)
    return f"{finding.metric}{place} {_number(finding.value)} is {sign} {limit}"


def _some(texts: Sequence[str]) -> str:
    more = len(texts) - _NAMED
    return ", ".join(texts[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _number(value: float | None) -> str:
    return "?" if value is None else f"{value:.3g}"


def _percent(value: float | None) -> str:
    return "?" if value is None else f"{value:.0%}"
