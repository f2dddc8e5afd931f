"""Publishing: measurements into Postgres beside bare COPY, series into a real Pushgateway."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.processes import Command
from tests.benchmarks.services import results_database
from tests.benchmarks.trials import Announce, Row, Trial, run_trials

PUBLISH, REPUBLISH = "publish, a new window", "publish, a window again"
COPY, REPLACE, COPY_TEXT = "bare COPY", "bare DELETE and COPY", "bare COPY of ready text"
PUSH, BARE_PUSH = "push", "bare push_to_gateway"


@dataclass(frozen=True, kw_only=True)
class Publishing:
    """So many measurements of one evaluation."""

    measurements: int = 100_000
    rounds: int = 5

    def measure(self, announce: Announce) -> list[Row]:
        """Return what our sink takes, and the least that could write the same rows."""
        jobs = {
            PUBLISH: "publish",
            COPY: "copy",
            COPY_TEXT: "copy_text",
            REPUBLISH: "republish",
            REPLACE: "replace",
        }
        with results_database() as url:
            environment = {"MONITORING_DATABASE_URL": url}
            return run_trials(
                _trials(jobs, self.measurements, environment, PUBLISH), self.rounds, announce
            )


@dataclass(frozen=True, kw_only=True)
class Pushing:
    """So many series of one evaluation."""

    bench: Path
    series: int = 10_000
    rounds: int = 5

    def measure(self, announce: Announce) -> list[Row]:
        """Return what our push takes, registry included, and the client library's own push."""
        from tests.fixtures.pushgateway import running_pushgateway

        if shutil.which("prometheus-pushgateway") is None:
            note = "left out: prometheus-pushgateway is not installed; see .ci/packages"
            return [Row(what=PUSH, rows=self.series, ours=True, note=note)]
        jobs = {PUSH: "push", BARE_PUSH: "bare_push"}
        self.bench.mkdir(parents=True, exist_ok=True)
        with running_pushgateway(self.bench / "pushgateway.log") as url:
            environment = {"PUSHGATEWAY_URL": url}
            return run_trials(_trials(jobs, self.series, environment, PUSH), self.rounds, announce)


def _trials(
    jobs: Mapping[str, str], count: int, environment: Mapping[str, str], ours: str
) -> list[Trial]:
    return [
        Trial(
            what=what,
            stages=[
                [
                    Command(
                        ["-m", "tests.benchmarks.jobs.publish_rows", how, str(count)], environment
                    )
                ]
            ],
            rows=count,
            ours=what == ours,
        )
        for what, how in jobs.items()
    ]
