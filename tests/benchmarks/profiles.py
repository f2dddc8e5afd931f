"""Where evaluate spends its time: ``python -m tests.benchmarks.profiles MONITOR.yaml [cached]``.

Prints the functions in which one thread is longest, all worker threads added up. Profiling slows
Python down, and numpy and pyarrow not, so that shares of Python code come out too large.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import sys
import tempfile
from concurrent.futures import thread
from pathlib import Path
from typing import Any

_SHOWN = 25


def profile_threads(found: list[cProfile.Profile]) -> None:
    """Give every worker of a thread pool a profile of its own work."""
    run = thread._WorkItem.run

    def profiled(item: thread._WorkItem[Any]) -> None:
        profile = cProfile.Profile()
        profile.runcall(run, item)
        found.append(profile)

    thread._WorkItem.run = profiled  # type: ignore[assignment,method-assign]


def main() -> None:
    from monitoring_jobs.evaluate import evaluate
    from monitoring_jobs.monitor_files import load_monitor
    from monitoring_jobs.settings import Settings
    from monitoring_jobs.windows import Window
    from tests.fixtures.evaluations import DAY

    spec = load_monitor(Path(sys.argv[1]))
    found: list[cProfile.Profile] = []
    window = Window(DAY.start, DAY.end)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        threads = int(os.environ.get("MONITORING_THREADS", "1"))
        settings = Settings(cache_dir=folder / "cache", threads=threads)
        if "cached" in sys.argv:
            evaluate(spec, window, settings, out=folder / "out", report=False)
        profile_threads(found)
        whole = cProfile.Profile()
        whole.runcall(evaluate, spec, window, settings, out=folder / "out", report=False)
    stats = pstats.Stats(whole, *found)
    stats.sort_stats("tottime").print_stats(_SHOWN)


if __name__ == "__main__":
    main()
