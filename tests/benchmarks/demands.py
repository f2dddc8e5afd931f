"""What must hold, and whether it does: ratios within one section, which ran side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tests.benchmarks import backfill, engine, extraction, publishing, reading
from tests.benchmarks.peers.tools import PEERS
from tests.benchmarks.results import Results
from tests.benchmarks.trials import Row

MILLION = {"rows": 1_000_000, "columns": 30}
_PEER_FACTORS = {"evidently": 60, "nannyml": 8, "whylogs": 20}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A demand, what was measured, and whether it holds; None where something was not measured."""

    demand: str
    limit: str
    measured: str
    holds: bool | None

    @property
    def word(self) -> str:
        """The verdict as it stands in a table."""
        return "not measured" if self.holds is None else "holds" if self.holds else "missed"


def judge(results: Results) -> list[Verdict]:
    """Return every demand in the order of the sections."""
    return [
        *_of_million(results),
        *_of_sizes(results),
        *_of_methods(results),
        *_of_variants(results),
        *_of_services(results),
        *_of_pages(results),
    ]


def time_of(row: Row) -> float:
    """Return the seconds that rows are compared by: the job's own where it tells them."""
    return row.seconds if row.own_seconds is None else row.own_seconds


# --- the engine -----------------------------------------------------------------------------------
def _of_million(results: Results) -> Iterator[Verdict]:
    ours = results.find("engine", engine.COLD, threads=2, **MILLION)
    size = "1M x 30, cold, no report, two threads"
    for peer in PEERS:
        other = results.find("engine", peer.name, **MILLION)
        demand = f"{size}: faster than {peer.name}"
        yield _at_least(demand, other, ours, _PEER_FACTORS[peer.key])
    floor = results.find("engine", engine.FLOOR, threads=2, **MILLION)
    yield _at_most(f"{size}: within the floor's time", ours, floor, 1.6)
    yield _below(f"{size}: peak memory", _peak(ours), 400, "MB")


def _of_sizes(results: Results) -> Iterator[Verdict]:
    small = results.find("engine", engine.COLD, rows=1000, columns=30, threads=2)
    yield _below("1k x 30: the whole process", None if small is None else small.seconds, 1, "s")
    million = results.find("engine", engine.COLD, threads=1, **MILLION)
    ten = results.find("engine", engine.COLD, rows=10_000_000, columns=30, threads=1)
    yield _at_most("10M x 30 beside 1M x 30, one thread: time", ten, million, 12)
    yield _below("10M x 30, one thread: peak memory", _peak(ten), 2000, "MB")
    narrow = results.find("engine", engine.COLD, rows=100_000, columns=30, threads=1)
    wide = results.find("engine", engine.COLD, rows=100_000, columns=300, threads=1)
    yield _at_most("100k x 300 beside 100k x 30, one thread: time", wide, narrow, 12)


def _of_methods(results: Results) -> Iterator[Verdict]:
    section = results.sections.get("methods")
    measured = [row for row in section.rows if row.costs] if section else []
    for what, most in (("numbers", 0.2), ("labels", 0.1)):
        slowest = max((row.cpu_seconds for row in measured if what in row.what), default=None)
        demand = f"1M {what}, one thread: the slowest drift method, and making the column"
        yield _below(demand, slowest, most, "cpu s")


def _of_variants(results: Results) -> Iterator[Verdict]:
    whole = results.find("engine", engine.COLD, threads=2, **MILLION)
    segments = results.find("engine", engine.SEGMENTS, threads=2, **MILLION)
    yield _at_most("1M x 30, 20 segments beside none: time", segments, whole, 2.5)
    cold = results.find("backfill", backfill.COLD_EACH, **MILLION)
    ours = results.find("backfill", backfill.BACKFILL, **MILLION)
    yield _at_least(
        "90 windows, 1M reference: backfill faster than cold evaluations", cold, ours, 5
    )


# --- services -------------------------------------------------------------------------------------
def _of_services(results: Results) -> Iterator[Verdict]:
    full = results.find("extraction", extraction.FULL, rows=10_000)
    paging = results.find("extraction", extraction.PAGING)
    late = results.find("extraction", extraction.INCREMENTAL)
    yield _at_most("extraction of all runs beside paging by MlflowClient: time", full, paging, 1)
    yield _at_least("extraction of the last 1 %: faster than of all", full, late, 50)
    ours = results.find("publish", publishing.PUBLISH, rows=100_000)
    # Against text that is ready beforehand, which is the harder of the two.
    copy = results.find("publish", publishing.COPY_TEXT)
    yield _at_most("publish beside a bare COPY of the same rows, ready: time", ours, copy, 1.6)
    pandas = results.find("reading", reading.PANDAS, **MILLION)
    for what in (reading.COPY, reading.ADBC):
        own = results.find("reading", what, **MILLION)
        if own is None and what == reading.ADBC:
            continue
        yield _at_least(
            f"1M x 30 from Postgres, {what}: faster than {reading.PANDAS}", pandas, own, 4
        )
        yield _lighter(f"1M x 30 from Postgres, {what}: peak memory", own, pandas, 0.1)


# --- pages ----------------------------------------------------------------------------------------
def _of_pages(results: Results) -> Iterator[Verdict]:
    section = results.sections.get("browser")
    measured = [row for row in section.rows if row.costs and row.rows == 100_000] if section else []
    slowest = max((row.slow_seconds for row in measured), default=None)
    demand = "100,000 evaluations in any shape: the slowest page, 95th percentile"
    yield _below(demand, slowest, 0.3, "s")
    section = results.sections.get("dashboards")
    measured = [row for row in section.rows if row.costs and not row.note] if section else []
    slowest = max((row.slow_seconds for row in measured), default=None)
    demand = "two years of 100 monitors a day: the slowest query of dashboards, 95th percentile"
    yield _below(demand, slowest, 0.3, "s")


# --- how a demand is judged -----------------------------------------------------------------------
def _at_least(demand: str, slower: Row | None, faster: Row | None, factor: float) -> Verdict:
    limit = f"at least {factor:g}x"
    if slower is None or faster is None:
        return Verdict(demand, limit, "", None)
    found = time_of(slower) / time_of(faster)
    return Verdict(demand, limit, f"{found:.1f}x", found >= factor)


def _at_most(demand: str, row: Row | None, beside: Row | None, factor: float) -> Verdict:
    limit = f"at most {factor:g}x"
    if row is None or beside is None:
        return Verdict(demand, limit, "", None)
    found = time_of(row) / time_of(beside)
    return Verdict(demand, limit, f"{found:.2f}x", found <= factor)


def _lighter(demand: str, row: Row | None, beside: Row | None, share: float) -> Verdict:
    limit = f"at most {share:g} of the other's"
    if row is None or beside is None:
        return Verdict(demand, limit, "", None)
    found = row.megabytes / beside.megabytes
    return Verdict(demand, limit, f"{found:.2f}", found <= share)


def _peak(row: Row | None) -> float | None:
    return None if row is None else row.megabytes


def _below(demand: str, value: float | None, most: float, unit: str) -> Verdict:
    limit = f"at most {most:g} {unit}"
    if value is None:
        return Verdict(demand, limit, "", None)
    return Verdict(
        demand,
        limit,
        f"{value:.3g} {unit}" if value < 10 else f"{value:,.0f} {unit}",
        value <= most,
    )
