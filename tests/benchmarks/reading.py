"""A window read from Postgres: our source beside ``pandas.read_sql``."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.processes import Command, run
from tests.benchmarks.trials import Announce, Row, Trial, run_trials

COPY, ADBC = "our source, COPY", "our source, ADBC"
PANDAS = "pandas.read_sql"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A table of so many rows on an embedded Postgres."""

    bench: Path
    rows: int = 1_000_000
    columns: int = 30
    rounds: int = 3

    def measure(self, announce: Announce) -> list[Row]:
        """Return a row for each way to read the same table."""
        from tests.fixtures.postgres import running_server

        scratch = self.bench / "data" / "reading"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        try:
            with running_server() as server:
                url = server.url(server.create_database())
                self._run("fill", url, scratch)
                trials = [self._trial(COPY, "copy", url, scratch, ours=True)]
                if importlib.util.find_spec("adbc_driver_postgresql") is not None:
                    trials.append(self._trial(ADBC, "adbc", url, scratch))
                trials.append(self._trial(PANDAS, "pandas", url, scratch))
                return run_trials(trials, self.rounds, announce)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _run(self, how: str, url: str, scratch: Path) -> None:
        run(self._command(how, url, scratch))

    def _command(self, how: str, url: str, scratch: Path) -> Command:
        numbers = (str(self.rows), str(self.columns))
        return Command(
            ["-m", "tests.benchmarks.jobs.read_window", how, *numbers],
            {"MONITORING_CONNECTION_BENCH": url, "TMPDIR": str(scratch)},
        )

    def _trial(self, what: str, how: str, url: str, scratch: Path, *, ours: bool = False) -> Trial:
        return Trial(
            what=what,
            stages=[[self._command(how, url, scratch)]],
            rows=self.rows,
            columns=self.columns,
            ours=ours,
        )
