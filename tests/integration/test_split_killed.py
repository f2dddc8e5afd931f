"""Parts and joins, killed at any moment or run by many processes at once, end as one clean run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from monitoring_jobs.reports.places import open_files
from monitoring_jobs.reports.store import ReportStore
from tests.fixtures.monitors import DAY, MonitorFactory

OWN = re.compile(rb'"(attempt|computed_at|duration_seconds|peak_memory_bytes)": [^\n]*')
# What a worker does of any executor: one step after the other, each in a process of its own, each
# tried again after it was killed. A step may be told to kill itself before its nth touch of the
# report store; it prints what happened to it.
WORKER = f"""
import os, signal, sys
from datetime import datetime
from monitoring_jobs import Settings, Window, evaluate, evaluate_part, load_monitor
from monitoring_jobs.errors import StaleAttempt
import monitoring_jobs.measure  # before any fork, which then need not import it
from monitoring_jobs.parts import ColumnGroup
from monitoring_jobs.reports.local_files import LocalFiles
window = Window(*map(datetime.fromisoformat, ("{DAY.start}", "{DAY.end}")))
monitor, folder, *steps = sys.argv[1:]
spec = load_monitor(monitor)

def work(step, store):
    settings = Settings.load(
        report_store=store, cache_dir=folder + "/cache", mlflow_tracking_uri=None)
    number, _, count = step.partition("/")
    if number == "join":
        evaluate(spec, window, settings, report=False, join=int(count))
    else:
        evaluate_part(spec, window, settings, ColumnGroup(int(number), int(count)))

def die_at(touch):
    left = [touch]
    def deadly(method):
        def touched(*arguments):
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(*arguments)
        return touched
    for name in ("read", "write", "update", "remove", "prune"):
        setattr(LocalFiles, name, deadly(getattr(LocalFiles, name)))

def attempt(step, store, touch=0):
    process = os.fork()
    if process == 0:
        code = 1
        try:
            die_at(touch)
            work(step, store)
            code = 0
        except StaleAttempt:
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

def run(store, deadly=None, touch=0):
    killed = False
    for step in steps:
        if step == deadly:
            killed = attempt(step, store, touch) == -signal.SIGKILL
        assert attempt(step, store) == 0, step
    return killed

if os.environ.get("KILL"):
    for step in steps:
        touch = 1
        while run(folder + f"/store-{{step.replace('/', '-')}}-{{touch}}", step, touch):
            print(step, flush=True)
            touch += 1
else:
    run(folder + "/store")
"""


def start(monitor: Path, folder: Path, *steps: str, kill: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(monitor), str(folder), *steps],
        env=os.environ | {"MONITORING_THREADS": "1", "KILL": kill},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> list[str]:
    """Return the lines that a process wrote until it ended well."""
    written, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    return written.splitlines()


def result(store: Path) -> bytes:
    place = ReportStore.open(store).location("wine_quality", DAY)
    content = open_files(place).read("evaluation.json")
    assert content is not None
    return OWN.sub(b"", content)


def names(store: Path) -> list[str]:
    return sorted(name.rpartition("/")[2] for name in open_files(str(store)).find(""))


def test_f30_killed_before_any_touch_of_the_store_and_retried(
    make_monitor: MonitorFactory, tmp_path: Path
) -> None:
    monitor = make_monitor(segments=["region"])
    steps = ("1/2", "2/2", "join/2")
    finish(start(monitor, tmp_path, *steps))
    killed = finish(start(monitor, tmp_path, *steps, kill="yes"))
    # A join reads both parts and what is stored, replaces it, and removes both parts.
    assert (killed.count("1/2"), killed.count("2/2")) == (1, 1)
    assert killed.count("join/2") >= 8
    torn = sorted(tmp_path.glob("store-*"))
    assert len(torn) == len(killed) + len(steps)
    for store in torn:
        assert result(store) == result(tmp_path / "store"), store.name
        assert names(store) == ["evaluation.json"], store.name


def test_f27_three_runs_at_once_end_as_one(make_monitor: MonitorFactory, tmp_path: Path) -> None:
    monitor = make_monitor(segments=["region"])
    alone, together = tmp_path / "alone", tmp_path / "together"
    finish(start(monitor, alone, "1/2", "2/2", "join/2"))
    runs = [
        start(monitor, together, *steps)
        for steps in (
            ("1/2", "2/2", "join/2"),
            ("2/2", "1/2", "join/2"),
            ("1/2", "1/2", "2/2", "join/2"),
        )
    ]
    for run in runs:
        finish(run)
    assert result(together / "store") == result(alone / "store")
    finish(start(monitor, together, "1/2", "2/2", "join/2"))
    assert names(together / "store") == ["evaluation.json"]
