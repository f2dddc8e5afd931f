"""The report browser: pages over many evaluations, in the shapes that lists could stumble over."""

from __future__ import annotations

import re
import resource
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.benchmarks.processes import Cost
from tests.benchmarks.services import results_databases
from tests.benchmarks.trials import Announce, Row, Trial

if TYPE_CHECKING:
    from monitoring_jobs.browser import Browser, Page

MONITOR = "monitor_00001"
_ID = re.compile(r'href="\.\./evaluations/([^"?/]+)" class="window"')

Ask = Callable[[], "Page"]


@dataclass(frozen=True, kw_only=True)
class Browsing:
    """So many evaluations, of one monitor, of a thousandth, of a fifth as many; local Postgres.

    A request is what the plugin does for it: connect as reader, ask, write HTML. The first of each
    page is not counted.
    """

    evaluations: int = 100_000
    measurements: int = 60_000
    rounds: int = 40

    def measure(self, announce: Announce) -> list[Row]:
        """Return what each page takes in each shape; wall times in this process."""
        rows: list[Row] = []
        with results_databases() as databases:
            for monitors in (1, self.evaluations // 100, self.evaluations // 5):
                with self._filled(next(databases), monitors) as browser:
                    for page, ask in _pages(browser, monitors).items():
                        what = (
                            f"{page}, {monitors:,} monitors"
                            if monitors > 1
                            else f"{page}, 1 monitor"
                        )
                        announce(Trial(what=what, stages=[], rows=self.evaluations), 0)
                        costs = [_timed(ask) for _ in range(self.rounds + 1)][1:]
                        rows.append(Row(what=what, rows=self.evaluations, costs=costs))
        return rows

    @contextmanager
    def _filled(self, url: str, monitors: int) -> Iterator[Browser]:
        from pydantic import SecretStr

        from monitoring_jobs.browser import Browser
        from monitoring_jobs.links import Links
        from monitoring_jobs.settings import Settings
        from tests.fixtures.many_evaluations import write_many
        from tests.fixtures.postgres import url_as

        windows = self.evaluations // monitors
        write_many(url, monitors=monitors, windows=windows, measurements=self.measurements)
        reader = SecretStr(url_as(url, "monitoring_reader"))
        with tempfile.TemporaryDirectory() as store:
            yield Browser(Settings(reader_url=reader, report_store=store), Links())


def _pages(browser: Browser, monitors: int) -> Mapping[str, Ask]:
    newest = _ID.findall(str(browser.monitor(MONITOR).body))[0]
    first = newest.split("--", 1)[1]
    middle = f"monitor_{max(monitors // 2, 1):05}--{first}"
    run = "scheduled__2026-11-20 23:00:00+00"
    return {
        "monitors": lambda: browser.monitors({}, _everybody),
        "monitors, last page": lambda: browser.monitors(
            {"page": str(-(-monitors // 50))}, _everybody
        ),
        "monitors of a status": lambda: browser.monitors({"status": "failed"}, _everybody),
        "monitors of an owner in a week": lambda: browser.monitors(
            {"owner": "team-3", "from": "2026-11-10", "to": "2026-11-17"}, _everybody
        ),
        "windows": lambda: browser.evaluations({}, _everybody),
        "windows, behind a position": lambda: browser.evaluations({"after": middle}, _everybody),
        "windows of a name": lambda: browser.evaluations({"q": "r_00001"}, _everybody),
        "windows of a status that none has": lambda: browser.evaluations(
            {"status": "error"}, _everybody
        ),
        "a monitor": lambda: browser.monitor(MONITOR),
        "an evaluation": lambda: browser.evaluation(newest),
        "an evaluation, page 50": lambda: browser.evaluation(newest, {"page": "50"}),
        "a Dag run": lambda: browser.dag_run(f"monitor__{MONITOR}", run),
    }


def _everybody(names: Collection[str]) -> Collection[str]:
    return names


def _timed(ask: Ask) -> Cost:
    processor, began = time.process_time(), time.perf_counter()
    page = ask()
    seconds, used = time.perf_counter() - began, time.process_time() - processor
    if page.status != 200:
        raise AssertionError(f"a page answered {page.status}")
    # The server's processor time is not in it, as with the other services.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    return Cost(seconds, used, peak)


def main() -> None:
    """Print the median and the 95th percentile of each page in milliseconds."""
    for row in Browsing().measure(lambda _trial, _number: None):
        print(f"{row.what:55} p50 {row.seconds * 1e3:7.1f}  p95 {row.slow_seconds * 1e3:7.1f} ms")  # noqa: T201


if __name__ == "__main__":
    main()
