"""`make down`: end what `make up` has started, whatever became of it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil

from monitoring_jobs.demo.display import Display, demo_console
from monitoring_jobs.demo.folder import DemoFolder, claim, is_demo
from monitoring_jobs.demo.postgres import end_leftover, server_process
from monitoring_jobs.demo.processes import end_leftovers, still_running
from monitoring_jobs.demo.signals import orderly_end
from monitoring_jobs.demo.state import read_state

# Everything that it ends has less time than that.
_END_SECONDS = 90.0


def down(folder: Path = Path(".demo")) -> int:
    """End what runs in a folder, and say what it was; return 0.

    Raises:
        UnusableFolder: A demo is running there, which ends by itself, or the folder is no demo's.
    """
    home = DemoFolder(folder.expanduser().resolve())
    console = demo_console()
    state = read_state(home)
    supervisor = state.process if state else None
    if supervisor is not None and state is not None:
        with orderly_end(), Display(console) as display, display.step("everything ended") as told:
            told.append(", ".join(state.services))
            end_supervisor(home, supervisor.pid)
        return 0
    # A folder that is not there, or not ours, holds nothing of ours: it is not touched.
    left = 0
    if is_demo(home.root):
        with orderly_end(), claim(folder):
            left = _end_leftovers(home)
    if left:
        console.print(f"Ended {left} processes whose supervisor had been killed.")
    else:
        console.print(f"Nothing is running in {home.root}.", soft_wrap=True)
    return 0


def end_supervisor(home: DemoFolder, pid: int) -> None:
    """Ask the supervisor to end all that it has started, and see to it that this comes true."""
    with suppress(psutil.Error):
        supervisor = psutil.Process(pid)
        supervisor.terminate()
        for stubborn in still_running([supervisor], _END_SECONDS):
            stubborn.kill()
            still_running([stubborn], _END_SECONDS)
    _end_leftovers(home)


def _end_leftovers(home: DemoFolder) -> int:
    """End what a killed supervisor has left running; return how many processes that were."""
    left = end_leftovers(home.processes)
    if server_process(home.postgres) is not None:
        left += 1
    end_leftover(home.postgres)
    home.state.unlink(missing_ok=True)
    return left
