"""Every drift method on two columns of a million values, beside making such a column."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from tests.benchmarks.processes import Cost
from tests.benchmarks.trials import Announce, Row, Trial

if TYPE_CHECKING:
    import pyarrow as pa

SORTED = "a column of numbers, read and sorted"
COUNTED = "a column of 50 labels, read and counted"
_TWO_LABELS = "fisher_exact"


@dataclass(frozen=True, kw_only=True)
class Methods:
    """One thread of this process; columns are made once and then compared by each method."""

    rows: int = 1_000_000
    rounds: int = 10

    def measure(self, announce: Announce) -> list[Row]:
        """Return the time of each method, measured in turn, round after round."""
        work = dict(self._work())
        rows = {
            what: Row(what=what, rows=self.rows, threads=1, ours=what == SORTED) for what in work
        }
        for number in range(self.rounds):
            for what, call in work.items():
                announce(Trial(what=what, stages=[], rows=self.rows), number)
                rows[what].costs.append(_timed(call))
        return list(rows.values())

    def _work(self) -> Iterator[tuple[str, Callable[[], object]]]:
        import numpy as np
        import pyarrow as pa

        from monitoring_jobs.drift_methods import names_for
        from monitoring_jobs.statistics import CategoricalColumn, NumericColumn

        random = np.random.default_rng(0)
        numbers = [pa.array(random.normal(shift, size=self.rows)) for shift in (0, 0.01)]
        yield SORTED, partial(NumericColumn.from_arrow, numbers[0])
        reference, current = map(NumericColumn.from_arrow, numbers)
        # Columns of one length allow shortcuts; windows seldom are as long as the reference.
        shorter = NumericColumn.from_arrow(numbers[1][:-7])
        for method in names_for("numerical"):
            yield f"{method}, numbers", _score(method, reference, current)
            yield f"{method}, numbers, 7 fewer", _score(method, reference, shorter)
        yield COUNTED, partial(CategoricalColumn.from_arrow, _labels(random, 50, self.rows))
        many, few = (
            [CategoricalColumn.from_arrow(_labels(random, held, self.rows)) for _ in range(2)]
            for held in (50, 2)
        )
        for method in names_for("categorical"):
            yield f"{method}, labels", _score(method, *(few if method == _TWO_LABELS else many))


def _labels(random: Any, held: int, rows: int) -> pa.DictionaryArray:
    import pyarrow as pa

    codes = pa.array(random.integers(0, held, rows).astype("int32"))
    return pa.DictionaryArray.from_arrays(codes, pa.array([f"label {i}" for i in range(held)]))


def _score(method: str, reference: object, current: object) -> Callable[[], float]:
    from monitoring_jobs.checks.drift import SCORES

    return partial(SCORES[method], reference, current)


def _timed(call: Callable[[], object]) -> Cost:
    processor, began = time.thread_time(), time.perf_counter()
    call()
    seconds, used = time.perf_counter() - began, time.thread_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return Cost(seconds, used, peak)
