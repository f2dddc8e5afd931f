"""Evaluate, the floor and the peers on a window and a reference of one size."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.peers.tools import PEERS, Peer, too_large
from tests.benchmarks.processes import Command, run
from tests.benchmarks.results import Results
from tests.benchmarks.trials import TOO_LONG_SECONDS, Announce, Row, Trial, run_trials

COLD, CACHED = "evaluate, cold reference", "evaluate, cached reference"
COLD_REPORT, CACHED_REPORT = f"{COLD}, report", f"{CACHED}, report"
SEGMENTS, SPLIT = f"{COLD}, 20 segments", f"{COLD}, split in 2"
UNSPLIT = COLD
FLOOR = "the floor"

_WINDOW = ("--start", "2026-11-20", "--end", "2026-11-21")
# Beyond so many cells a side, segments, split and reports would repeat what smaller sizes show.
_MOST_CELLS_OF_VARIANTS = 30_000_000
_MOST_CELLS_OFTEN = 3_000_000


@dataclass(frozen=True, kw_only=True)
class Engine:
    """What is measured at every size.

    Attributes:
        bench: Folder of the data, environments and everything that processes write.
        sizes: Rows and columns of each side, ascending by their product.
        peers_at: The sizes at which the other tools run.
        rounds: How often each trial is run at most; large sizes half as often.
        variants: Whether segments, split and reports are measured too.
        longest: Seconds that another tool may take; where it would take more, it is left out.
    """

    bench: Path
    sizes: Sequence[tuple[int, int]]
    peers_at: frozenset[tuple[int, int]] = frozenset()
    rounds: int = 5
    variants: bool = True
    longest: float = TOO_LONG_SECONDS

    def measure(self, announce: Announce) -> list[Row]:
        """Return the rows of all sizes; each size's data are made before and removed after."""
        # Environments first: making one is no part of anything.
        wanted = PEERS if self.peers_at else ()
        pythons = {peer: peer.python(self.bench / "environments") for peer in wanted}
        rows: list[Row] = []
        for size in self.sizes:
            with _data(self.bench, *size) as folder:
                if not rows:
                    self._warm_up(folder, *size)
                rows += self._measure_size(folder, size, pythons, rows, announce)
            so_far = Results()
            so_far.add("engine", rows)
            so_far.save(self.bench / "engine-so-far.json")  # an hour's work may be interrupted
        return rows

    def _measure_size(
        self,
        folder: Path,
        size: tuple[int, int],
        pythons: Mapping[Peer, Path],
        known: list[Row],
        announce: Announce,
    ) -> list[Row]:
        trials, left_out = self._trials(folder, *size), []
        for peer, python in pythons.items() if size in self.peers_at else ():
            trial = peer.trial(python, folder, *size)
            reason = too_large(peer, *size, known, self.longest)
            if reason:
                left_out.append(Row.of(trial, reason))
            else:
                trials.append(trial)
        large = size[0] * size[1] > _MOST_CELLS_OFTEN
        rounds = (self.rounds + 1) // 2 if large else self.rounds
        return run_trials(trials, rounds, announce) + left_out

    def _warm_up(self, folder: Path, rows: int, columns: int) -> None:
        """Read our code and libraries from the disk once; the first process would pay for all."""
        for trial in self._trials(folder, rows, columns):
            if trial.what in (COLD, FLOOR):
                trial.measure()

    def _trials(self, folder: Path, rows: int, columns: int) -> list[Trial]:
        ours = Ours(folder, rows, columns)
        trials = []
        for threads in (1, 2):
            trials += [ours.cold(COLD, threads), ours.cached(CACHED, threads)]
        if self.variants and rows * columns <= _MOST_CELLS_OF_VARIANTS:
            trials += [
                ours.cold(SEGMENTS, 2, monitor="segments.yaml"),
                ours.split(),
                ours.cold(COLD_REPORT, 2, report=True),
                ours.cached(CACHED_REPORT, 2, report=True),
            ]
        trials += [_floor(folder, rows, columns, threads) for threads in (1, 2)]
        return trials


class Ours:
    """Our command on one size, whole processes, each trial with a store and a cache of its own."""

    def __init__(self, folder: Path, rows: int, columns: int) -> None:
        self._folder = folder
        self._size = (rows, columns)

    def cold(
        self, what: str, threads: int, *, monitor: str = "monitor.yaml", report: bool = False
    ) -> Trial:
        place = self._place(what, threads)
        command = self._evaluate(
            place, threads, *([] if report else ["--no-report"]), monitor=monitor
        )
        return self._trial(what, threads, [[command]], lambda: _empty(place))

    def cached(self, what: str, threads: int, *, report: bool = False) -> Trial:
        """Return the trial of a reference that an earlier evaluation has left in the cache."""
        place = self._place(what, threads)
        command = self._evaluate(place, threads, *([] if report else ["--no-report"]))

        @functools.cache
        def fill() -> None:
            run(command)

        return self._trial(what, threads, [[command]], fill)

    def split(self) -> Trial:
        """Return two processes at once, one thread each, and the one that joins them."""
        place = self._place(SPLIT, 1)
        parts = [self._evaluate(place, 1, "--no-report", "--part", f"{k}/2") for k in (1, 2)]
        join = self._evaluate(place, 1, "--no-report", "--join", "2")
        return self._trial(
            SPLIT,
            1,
            [parts, [join]],
            lambda: _empty(place),
            note="two processes of one thread at once, then the join; peak of the largest",
        )

    def _evaluate(
        self, place: Path, threads: int, *options: str, monitor: str = "monitor.yaml"
    ) -> Command:
        return Command(
            [
                *("-m", "monitoring_jobs", "evaluate", str(self._folder / monitor)),
                *_WINDOW,
                *options,
            ],
            {
                "MONITORING_THREADS": str(threads),
                "MONITORING_CACHE_DIR": str(place / "cache"),
                "MONITORING_REPORT_STORE": str(place / "store"),
            },
        )

    def _place(self, what: str, threads: int) -> Path:
        return self._folder / f"{what.replace(', ', '-').replace(' ', '_')}-{threads}"

    def _trial(
        self,
        what: str,
        threads: int,
        stages: Sequence[Sequence[Command]],
        prepare: Callable[[], None],
        note: str = "",
    ) -> Trial:
        rows, columns = self._size
        return Trial(
            what=what,
            stages=stages,
            rows=rows,
            columns=columns,
            threads=threads,
            ours=what == COLD and threads == 2,
            prepare=prepare,
            note=note,
        )


def _floor(folder: Path, rows: int, columns: int, threads: int) -> Trial:
    arguments = ["-m", "tests.benchmarks.floor", str(folder), str(columns)]
    command = Command([*arguments, "--threads", str(threads)])
    return Trial(what=FLOOR, stages=[[command]], rows=rows, columns=columns, threads=threads)


@contextmanager
def _data(bench: Path, rows: int, columns: int) -> Iterator[Path]:
    folder = bench / "data" / f"{rows}x{columns}"
    _empty(folder)
    folder.mkdir(parents=True)
    try:
        # In a process of its own, as everything is: ours must stay lean.
        run(Command(["-m", "tests.benchmarks.data", str(folder), str(rows), str(columns)]))
        yield folder
    finally:
        _empty(folder)


def _empty(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
