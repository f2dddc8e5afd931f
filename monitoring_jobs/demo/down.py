"""`make down`: end what `make up` has started, whatever became of it."""

from __future__ import annotations

import time
from pathlib import Path

import psutil

from monitoring_jobs.demo.display import Display, demo_console
from monitoring_jobs.demo.folder import DemoFolder, FolderInUse, claim, is_demo
from monitoring_jobs.demo.leftovers import end_all_leftovers, end_supervisor
from monitoring_jobs.demo.signals import orderly_end
from monitoring_jobs.demo.state import find_supervisor, read_state

# Whoever holds the folder may be a start that has no supervisor yet.
_HOLD_SECONDS = 5.0
_LOOK_SECONDS = 0.1


def down(folder: Path = Path(".demo")) -> int:
    """End what runs in a folder, and say what it was; return 0.

    Raises:
        UnusableFolder: A demo is running there, which ends by itself, or the folder is no demo's.
    """
    home = DemoFolder(folder.expanduser().resolve())
    console = demo_console()
    with orderly_end():
        supervisor, left = _held_by(home)
        if supervisor is not None:
            with Display(console) as display, display.step("everything ended") as told:
                if state := read_state(home):
                    told.append(", ".join(state.services))
                end_supervisor(supervisor)
                # One that had to be killed leaves its services to us.
                _held_by(home, ending=supervisor)
            return 0
    if left:
        console.print(f"Ended {left} processes whose supervisor had been killed.")
    else:
        console.print(f"Nothing is running in {home.root}.", soft_wrap=True)
    return 0


def _held_by(
    home: DemoFolder, ending: psutil.Process | None = None
) -> tuple[psutil.Process | None, int]:
    """Return the supervisor that holds a folder; where nobody does, end what is left there.

    Args:
        home: The folder.
        ending: A supervisor that has been ended: one that came after it is left alone.

    Raises:
        FolderInUse: Somebody else holds it and goes on to.
    """
    # A folder that is not there, or not ours, holds nothing of ours: it is not touched.
    deadline = time.monotonic() + _HOLD_SECONDS
    while is_demo(home.root):
        if (supervisor := find_supervisor(home)) is not None:
            return supervisor, 0
        try:
            with claim(home.root) as claimed:
                return None, end_all_leftovers(claimed)
        except FolderInUse as exc:
            if time.monotonic() > deadline:
                if ending is not None:
                    break  # the start that it belonged to ends what it has left
                raise FolderInUse(
                    f"a demo is running in {home.root}",
                    "it ends by itself, or by Ctrl-C where it was started",
                ) from exc
            time.sleep(_LOOK_SECONDS)
    return None, 0
