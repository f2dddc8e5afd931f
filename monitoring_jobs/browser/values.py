"""What the pages show, however it was read: values only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from monitoring_jobs.results import DagRunRef, Evaluation, Measurement, Status
from monitoring_jobs.windows import Window

# What asks for attention comes first on every page.
ORDER = (
    Status.FAILED,
    Status.ERROR,
    Status.WARNING,
    Status.INSUFFICIENT_DATA,
    Status.OK,
    Status.SKIPPED,
)
ATTENTION = ORDER[:4]
FAILURES = ORDER[:3]
# What a query calls the part of an evaluation that is of no segment; segments hold a "=".
WHOLE_WINDOW = "whole window"
_RANKS = {status: place for place, status in enumerate(ORDER)}


def rank(status: Status) -> int:
    """Return the place of a status in the pages' order, 0 the first."""
    return _RANKS[status]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Windows that end after one instant and not after another; None leaves that side open."""

    after: datetime | None = None
    by: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a list is narrowed to; an empty text narrows nothing.

    Attributes:
        text: Part of the monitor's name, in any case.
        model: Part of the model's name, in any case.
        owner: Part of the owner's name, in any case.
        status: The status; None for all.
        span: When the windows end.
    """

    text: str = ""
    model: str = ""
    owner: str = ""
    status: Status | None = None
    span: Span = field(default_factory=Span)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a monitor stands.

    Attributes:
        monitor: Its name.
        status: Of its newest window; None where no window has been judged.
        owner: Its owner; may be empty.
        model: Name of its model.
        failed_at: When an execution for that window or a later one failed and nothing was written
            since; None where all is well.
    """

    monitor: str
    status: Status | None
    owner: str
    model: str | None
    failed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One window of a trend."""

    window: Window
    status: Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One execution.

    Attributes:
        monitor: Name of the monitor.
        window: What was to be judged.
        outcome: written, stale_attempt or error.
        error: The one line of an error.
        recorded_at: When it was recorded.
        dag_run: The Dag run that it was part of.
    """

    monitor: str
    window: Window
    outcome: str
    error: str | None
    recorded_at: datetime
    dag_run: DagRunRef | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many measurements of one kind an evaluation has."""

    segment: str
    check: str
    status: Status
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lack:
    """How many measurements of a check lack data for one reason, which may be empty."""

    check: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """What of an evaluation asks for attention.

    Attributes:
        failed: Measurements that failed, the worst first; one more than is shown if cut.
        lacks: Why others lack data, the most frequent reason first.
    """

    failed: Sequence[Measurement] = ()
    lacks: Sequence[Lack] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which measurements of an evaluation are shown; None and empty texts narrow nothing."""

    statuses: tuple[Status, ...] = ORDER
    check: str = ""
    segment: str | None = None
    column: str = ""
    offset: int = 0
    limit: int = 100

    def and_one(self) -> Selection:
        """Return the same with one more: whether it is there tells of a further page."""
        return replace(self, limit=self.limit + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An evaluation as a page shows it.

    Attributes:
        evaluation: Its head; its measurements are in ``shown``, as far as they are shown.
        shown: Measurements in the pages' order; one more than a page where another follows.
        tallies: Counts over all measurements.
        is_draft: Whether it lies among the drafts, which nobody publishes.
        is_stored: Whether Postgres holds it; False where only the report store does.
    """

    evaluation: Evaluation
    shown: Sequence[Measurement] = ()
    tallies: Sequence[Tally] = ()
    is_draft: bool = False
    is_stored: bool = True
