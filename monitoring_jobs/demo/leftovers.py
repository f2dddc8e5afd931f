"""Ending what a demo or `make up` has started and did not, or must not, end itself."""

from __future__ import annotations

import psutil

from monitoring_jobs.demo.folder import ClaimedFolder
from monitoring_jobs.demo.postgres import end_leftover, server_process
from monitoring_jobs.demo.processes import end_leftovers, still_running

# Everything that a supervisor ends has less time than that.
_END_SECONDS = 90.0


def end_supervisor(supervisor: psutil.Process) -> None:
    """Ask a supervisor to end all that it has started, and see to it that it ends itself."""
    try:
        supervisor.terminate()
        for stubborn in still_running([supervisor], _END_SECONDS):
            stubborn.kill()
            still_running([stubborn], _END_SECONDS)
    except psutil.Error:
        return  # it has ended


def end_all_leftovers(folder: ClaimedFolder) -> int:
    """End what a killed demo or supervisor has left running; return how many processes that were.

    Nobody may do so without the claim: what runs may be that of a start a moment ago.
    """
    left = end_leftovers(folder.processes)
    if server_process(folder.postgres) is not None:
        left += 1
    end_leftover(folder.postgres)
    folder.state.unlink(missing_ok=True)
    return left
