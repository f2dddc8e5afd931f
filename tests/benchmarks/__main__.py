"""Run the benchmark: whole processes in turn, medians, tables and a file of results."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from tests.benchmarks import document
from tests.benchmarks.backfill import Backfill
from tests.benchmarks.browsing import Browsing
from tests.benchmarks.dashboards import Dashboards
from tests.benchmarks.demands import judge
from tests.benchmarks.engine import Engine
from tests.benchmarks.extraction import Extraction
from tests.benchmarks.fleet import Fleet
from tests.benchmarks.methods import Methods
from tests.benchmarks.processes import ROOT
from tests.benchmarks.publishing import Publishing, Pushing
from tests.benchmarks.reading import Reading
from tests.benchmarks.results import Results
from tests.benchmarks.table import TITLES, growth_table, section_table, verdict_table
from tests.benchmarks.trials import TOO_LONG_SECONDS, Announce, Row, Trial

BENCH = ROOT / ".bench"
PLANS = BENCH / "plans"
_WIDE = (10_000, 100_000, 1_000_000)
_LONG = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)

Measure = Callable[[Announce], list[Row]]


def main() -> int:
    """Measure the chosen sections and return 1 if something could not be measured."""
    options = _options()
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    saved = _where(options)
    results = Results.load(saved)
    fresh = Results()
    for name, measure in _sections(options).items():
        with _progress(console, name) as announce:
            rows = measure(announce)
        for kept in (results, fresh):
            kept.add(name, rows)
        results.save(saved)
        console.print(section_table(name, fresh.sections[name]).to_rich())
    _conclude(console, fresh, saved)
    failures = [
        text for section in fresh.sections.values() for row in section.rows for text in row.failures
    ]
    for text in failures:
        console.print(text, style="red", markup=False)
    return 1 if failures else 0


def _conclude(console: Console, results: Results, saved: Path) -> None:
    if "engine" in results.sections:
        console.print(growth_table(results).to_rich())
    measured = [verdict for verdict in judge(results) if verdict.holds is not None]
    if measured:
        console.print(verdict_table(measured).to_rich())
    console.print(f"saved to {saved}")
    if saved == document.RESULTS:
        document.main()
        console.print(f"{document.PAGE} shows them")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--sections", nargs="*", choices=list(TITLES), default=[])
    parser.add_argument("--rows", type=int, nargs="*", default=[], help="of 30 columns")
    parser.add_argument("--wide-rows", type=int, nargs="*", default=[], help="of 300 columns")
    parser.add_argument("--rounds", type=int, default=0, help="times each is run")
    parser.add_argument("--quick", action="store_true", help="a subset, in two minutes")
    parser.add_argument("--no-peers", action="store_true", help="neither Evidently nor others")
    parser.add_argument(
        "--longest", type=float, default=TOO_LONG_SECONDS, help="seconds that another tool may take"
    )
    parser.add_argument("--save", type=Path, help="where the results are kept")
    return parser.parse_args()


def _where(options: argparse.Namespace) -> Path:
    """The docs show whole sections only: what was cut down is kept apart."""
    if options.save:
        return Path(options.save)
    cut_down = options.quick or options.rows or options.wide_rows or options.no_peers
    return BENCH / "results.json" if cut_down else document.RESULTS


def _sections(options: argparse.Namespace) -> dict[str, Measure]:
    made = _quick(options) if options.quick else _full(options)
    return {name: made[name] for name in TITLES if not options.sections or name in options.sections}


def _full(options: argparse.Namespace) -> dict[str, Measure]:
    rounds = {"rounds": options.rounds} if options.rounds else {}
    chosen = bool(options.rows or options.wide_rows)
    sizes = [(rows, 30) for rows in options.rows or ([] if chosen else _LONG)]
    sizes += [(rows, 300) for rows in options.wide_rows or ([] if chosen else _WIDE)]
    sizes.sort(key=lambda size: (size[0] * size[1], size))
    # A million rows of 300 columns: ours and the floor, whatever the others would take.
    peers_at = [] if options.no_peers else [size for size in sizes if size != (1_000_000, 300)]
    engine = Engine(
        bench=BENCH,
        sizes=sizes,
        peers_at=frozenset(peers_at),
        longest=options.longest,
        **rounds,
    )
    return {
        "engine": engine.measure,
        "methods": Methods(**rounds).measure,
        "backfill": Backfill(bench=BENCH).measure,
        "reading": Reading(bench=BENCH, **rounds).measure,
        "extraction": Extraction(bench=BENCH, **rounds).measure,
        "publish": Publishing(**rounds).measure,
        "push": Pushing(bench=BENCH, **rounds).measure,
        "browser": Browsing().measure,
        "dashboards": Dashboards(plans=PLANS).measure,
        "fleet": Fleet().measure,
    }


def _quick(options: argparse.Namespace) -> dict[str, Measure]:
    """What two minutes allow: peers once, at 100,000 rows, where they do more than start."""
    rounds = options.rounds or 1
    sizes = [(rows, 30) for rows in options.rows or (1_000, 100_000, 1_000_000)]
    peers_at = [] if options.no_peers else [size for size in sizes if size == (100_000, 30)]
    engine = Engine(
        bench=BENCH,
        sizes=sizes,
        peers_at=frozenset(peers_at),
        rounds=rounds,
        variants=False,
    )
    return {
        "engine": engine.measure,
        "methods": Methods(rounds=rounds).measure,
        "backfill": Backfill(bench=BENCH, days=5, rows=100_000, rows_a_day=1000, rounds=1).measure,
        "reading": Reading(bench=BENCH, rows=100_000, rounds=rounds).measure,
        "extraction": Extraction(bench=BENCH, runs=500, rounds=rounds).measure,
        "publish": Publishing(measurements=10_000, rounds=rounds).measure,
        "push": Pushing(bench=BENCH, series=1_000, rounds=rounds).measure,
        "browser": Browsing(evaluations=10_000, measurements=2_000, rounds=5).measure,
        "dashboards": Dashboards(plans=PLANS, monitors=10, days=60, columns=10, rounds=5).measure,
        "fleet": Fleet(monitors=4, workers=(1,)).measure,
    }


@contextlib.contextmanager
def _progress(console: Console, section: str) -> Iterator[Announce]:
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"{section}: making data and starting services")

        def announce(trial: Trial, number: int) -> None:
            width = f" x {trial.columns}" if trial.columns else ""
            size = f"{trial.rows:,}{width}"
            progress.update(task, description=f"{section}: {size}, {trial.what}, time {number + 1}")

        yield announce


if __name__ == "__main__":
    raise SystemExit(main())
