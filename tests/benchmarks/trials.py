"""Trials: what is measured, in turn and several times, and what came out."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.benchmarks.processes import Command, Cost, ProcessFailed, run

# A trial is not begun again where it would then have taken so many seconds, and one of another tool
# not at all where it would take longer than that.
BUDGET_SECONDS = 250.0
TOO_LONG_SECONDS = 600.0

Announce = Callable[["Trial", int], None]


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One line of a table.

    Attributes:
        what: Its name.
        stages: Processes that run at once, stage after stage.
        rows, columns: Of each side; 0 where there are none.
        threads: 0 where the tool decides.
        ours: Whether other lines of its table are compared with it.
        prepare: Called before each time, unmeasured.
        note: What a reader should know.
        rounds: How often at most; None takes the run's.
    """

    what: str
    stages: Sequence[Sequence[Command]]
    rows: int = 0
    columns: int = 0
    threads: int = 0
    ours: bool = False
    prepare: Callable[[], None] | None = None
    note: str = ""
    rounds: int | None = None

    def measure(self) -> Cost:
        """Run it once."""
        if self.prepare is not None:
            self.prepare()
        costs = [run(*stage) for stage in self.stages]
        whole = costs[0]
        for cost in costs[1:]:
            whole = whole.then(cost)
        return whole


@dataclass(kw_only=True)
class Row:
    """What came out of a trial; without costs it failed or was left out, as ``note`` says."""

    what: str
    rows: int = 0
    columns: int = 0
    threads: int = 0
    ours: bool = False
    note: str = ""
    costs: list[Cost] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, trial: Trial, note: str = "") -> Row:
        """Return the row of a trial, nothing measured yet."""
        return cls(
            what=trial.what,
            rows=trial.rows,
            columns=trial.columns,
            threads=trial.threads,
            ours=trial.ours,
            note=note or trial.note,
        )

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> Row:
        """Build from what ``as_dict`` gave."""
        costs = [Cost(**cost) for cost in raw["costs"]]
        return cls(**{**raw, "costs": costs})

    def as_dict(self) -> dict[str, Any]:
        """Return a JSON object."""
        return asdict(self)

    @property
    def seconds(self) -> float:
        """The median of the wall times."""
        return statistics.median(cost.seconds for cost in self.costs)

    @property
    def own_seconds(self) -> float | None:
        """The median of what the processes say of their jobs alone."""
        told = [cost.own_seconds for cost in self.costs if cost.own_seconds is not None]
        return statistics.median(told) if told else None

    @property
    def cpu_seconds(self) -> float:
        """The median of the processor times."""
        return statistics.median(cost.cpu_seconds for cost in self.costs)

    @property
    def spread(self) -> tuple[float, float]:
        """The shortest and the longest wall time."""
        seconds = [cost.seconds for cost in self.costs]
        return min(seconds), max(seconds)

    @property
    def slow_seconds(self) -> float:
        """The 95th percentile of the wall times; of few, the longest."""
        seconds = sorted(cost.seconds for cost in self.costs)
        return seconds[round(0.95 * (len(seconds) - 1))]

    @property
    def megabytes(self) -> float:
        """The median of the peaks."""
        return statistics.median(cost.megabytes for cost in self.costs)


def run_trials(trials: Iterable[Trial], rounds: int, announce: Announce) -> list[Row]:
    """Run all trials once, then all again, so that what slows the machine slows them alike.

    Args:
        trials: Those of one table.
        rounds: How often each is run, unless it is slow.
        announce: Called with the trial and how often it has run, before each time.
    """
    chosen = list(trials)
    rows = [Row.of(trial) for trial in chosen]
    for number in range(rounds):
        for trial, row in zip(chosen, rows, strict=True):
            spent = sum(cost.seconds for cost in row.costs)
            most = rounds if trial.rounds is None else trial.rounds
            if (
                number < most
                and not row.failures
                and (not row.costs or spent + row.seconds < BUDGET_SECONDS)
            ):
                announce(trial, number)
                try:
                    row.costs.append(trial.measure())
                except ProcessFailed as exc:
                    # An hour of figures is worth more than one of them; the row says what broke.
                    row.failures.append(str(exc))
    return rows
