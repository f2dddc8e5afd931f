"""What is wrong with the sample traffic, on which day, and what the monitors must make of it.

The traffic is made from this list, the demo's table and its test are judged by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitoring_jobs.results import Status

WINE = "wine_quality"
DIABETES = "diabetes_progression"
MONITORS = (WINE, DIABETES)
WINDOWS = 7
DAYS_OF_TRAFFIC = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong in the traffic of one model.

    Attributes:
        monitor: Whose traffic it spoils.
        name: Its name in a word or two.
        story: What happened in the world.
        verdicts: What the window must come out as, by days before the demo's end: 1 is the last
            complete day.
        evidence: Measurements ``(check, metric, column)`` that must carry the blame where the
            verdict is not ok.
    """

    monitor: str
    name: str
    story: str
    verdicts: Mapping[int, Status]
    evidence: tuple[tuple[str, str, str], ...] = field(default=())

    def strikes(self, days_ago: int) -> bool:
        """Tell whether the fault is in the traffic of that day and the monitor must notice it."""
        return days_ago in self.verdicts


LOST_VALUES = Fault(
    monitor=WINE,
    name="burst of missing values",
    story="the laboratory's export lost almost half of two columns for a day",
    verdicts={6: Status.FAILED},
    evidence=(("quality", "missing_share", "flavanoids"), ("quality", "missing_share", "proline")),
)
NEW_CATEGORY = Fault(
    monitor=WINE,
    name="new category",
    story="an importer began to send wines from a region that the model never saw",
    verdicts={4: Status.FAILED},
    evidence=(("quality", "new_category_share", "region"),),
)
SLOW_DRIFT = Fault(
    monitor=WINE,
    name="slow drift",
    story="the photometer's lamp is dying: every reading fades, each day more than the day before",
    verdicts={2: Status.WARNING, 1: Status.FAILED},
    evidence=(("drift", "wasserstein", "color_intensity"),),
)
SUDDEN_SHIFT = Fault(
    monitor=DIABETES,
    name="sudden shift",
    story="a new analyzer was put to use uncalibrated; two days later it was calibrated",
    verdicts={5: Status.FAILED, 4: Status.FAILED},
    evidence=(("drift", "drifted_share", ""),),
)
LATE_LABELS = Fault(
    monitor=DIABETES,
    name="late labels",
    story="the outcome is known after two days, so the newest days cannot be scored yet",
    verdicts={2: Status.OK, 1: Status.OK},
)
FAULTS = (LOST_VALUES, NEW_CATEGORY, SLOW_DRIFT, SUDDEN_SHIFT, LATE_LABELS)


def faults_on(monitor: str, days_ago: int) -> tuple[Fault, ...]:
    """Return the faults that strike a monitor's traffic on a day."""
    return tuple(f for f in FAULTS if f.monitor == monitor and f.strikes(days_ago))


def expected_verdict(monitor: str, days_ago: int) -> Status:
    """Return what the window of a day must come out as; a day without a fault is ok."""
    verdicts = [fault.verdicts[days_ago] for fault in faults_on(monitor, days_ago)]
    return max(verdicts, key=lambda status: status.severity, default=Status.OK)
