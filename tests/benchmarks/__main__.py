"""Run the benchmark and print a table: whole processes, from start to exit, one at a time."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Cost:
    """What a process took: wall time and peak resident memory."""

    seconds: float
    megabytes: float


def cost_of(arguments: list[str], folder: Path) -> Cost:
    """Run a Python process to its end and return what it took.

    Raises:
        SystemExit: The process failed.
    """
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "DO_NOT_TRACK": "1",
        "MONITORING_CACHE_DIR": str(folder / "cache"),
        "MONITORING_REPORT_STORE": str(folder / "store"),
    }
    began = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            [sys.executable, *arguments], env=environment, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            sys.stderr.write(output.read().decode(errors="replace"))
            raise SystemExit(f"{' '.join(arguments)} ended with {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(seconds, usage.ru_maxrss * unit / 1e6)


def measure(rows: int, columns: int, *, evidently: bool) -> list[tuple[str, Cost]]:
    """Return what evaluate, evaluate with a cached reference, and Evidently took."""
    with tempfile.TemporaryDirectory(prefix="monitoring-bench-") as name:
        folder = Path(name)
        # In a process of its own: a child's peak memory counts its parent's at the fork.
        cost_of(["-m", "tests.benchmarks.data", name, str(rows), str(columns)], folder)
        evaluate = ["-m", "monitoring_jobs", "evaluate", f"{name}/monitor.yaml", "--no-report"]
        evaluate += ["--start", "2026-11-20", "--end", "2026-11-21"]
        found = [
            ("evaluate", cost_of(evaluate, folder)),
            ("evaluate, reference cached", cost_of(evaluate, folder)),
        ]
        if evidently:
            bare = ["-m", "tests.benchmarks.bare_evidently", name, str(columns)]
            found.append(("bare Evidently", cost_of(bare, folder)))
        return found


def main() -> None:
    """Measure every size and print one table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--no-evidently", action="store_true", help="only our own evaluate")
    options = parser.parse_args()

    console = Console()
    table = Table(title=f"ROWS x {options.columns} against as many, {os.cpu_count()} cores")
    for heading in ("rows", "what", "seconds", "peak MB", "times evaluate"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for rows in options.rows:
        with console.status(f"{rows:,} rows"):
            found = measure(rows, options.columns, evidently=not options.no_evidently)
        ours = found[0][1].seconds
        for what, cost in found:
            table.add_row(
                f"{rows:,}",
                what,
                f"{cost.seconds:.2f}",
                f"{cost.megabytes:,.0f}",
                f"{cost.seconds / ours:.1f}",
            )
        table.add_section()
    console.print(table)


if __name__ == "__main__":
    main()
