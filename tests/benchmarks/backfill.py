"""Ninety days against one reference: one backfill beside ninety cold evaluations."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from tests.benchmarks.layout import FIRST_DAY
from tests.benchmarks.processes import Command, run
from tests.benchmarks.services import results_database
from tests.benchmarks.trials import Announce, Row, Trial, run_trials

BACKFILL = "backfill, every window"
COLD_EACH = "evaluate, cold reference, every window"


@dataclass(frozen=True, kw_only=True)
class Backfill:
    """So many windows of so many rows, against a reference of ``rows``."""

    bench: Path
    days: int = 90
    rows: int = 1_000_000
    rows_a_day: int = 10_000
    columns: int = 30
    rounds: int = 2

    def measure(self, announce: Announce) -> list[Row]:
        """Return both rows. The backfill stores and publishes too, which the evaluations do not."""
        folder = self.bench / "data" / "backfill"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        numbers = (self.rows, self.columns, self.days, self.rows_a_day)
        try:
            run(Command(["-m", "tests.benchmarks.data", str(folder), *map(str, numbers)]))
            with results_database() as url:
                return run_trials(self._trials(folder, url), self.rounds, announce)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _trials(self, folder: Path, url: str) -> list[Trial]:
        place = folder / "ours"
        environment = {
            "MONITORING_THREADS": "2",
            "MONITORING_CACHE_DIR": str(place / "cache"),
            "MONITORING_REPORT_STORE": str(place / "store"),
        }
        monitor = str(folder / "monitor.yaml")

        def between(start: int, end: int) -> list[str]:
            dates = (f"{FIRST_DAY + timedelta(days=day):%Y-%m-%d}" for day in (start, end))
            return [part for pair in zip(("--start", "--end"), dates, strict=True) for part in pair]

        def command(name: str, start: int, end: int, **more: str) -> Command:
            arguments = [
                "-m",
                "monitoring_jobs",
                name,
                monitor,
                "--no-report",
                *between(start, end),
            ]
            return Command(arguments, {**environment, **more})

        def cold(day: int) -> Command:
            # A cache of its own for every window: none finds what another left.
            cache = str(place / f"cache-{day}")
            return command("evaluate", day, day + 1, MONITORING_CACHE_DIR=cache)

        trial = partial(Trial, rows=self.rows, columns=self.columns, threads=2)
        windows = f"{self.days} windows of {self.rows_a_day:,} rows"
        return [
            trial(
                what=BACKFILL,
                stages=[[command("backfill", 0, self.days, MONITORING_DATABASE_URL=url)]],
                prepare=lambda: shutil.rmtree(place, ignore_errors=True),
                ours=True,
                note=f"{windows}, evaluated and published to Postgres by one process",
            ),
            trial(
                what=COLD_EACH,
                stages=[[cold(day)] for day in range(self.days)],
                prepare=lambda: shutil.rmtree(place, ignore_errors=True),
                note=f"{windows}, a process each that finds no cache",
            ),
        ]
