"""What runs in a demo's folder, on disk: for `make up` while it waits, and for `make down`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from monitoring_jobs.demo.airflow import write_private
from monitoring_jobs.demo.folder import DemoFolder
from monitoring_jobs.demo.processes import born


@dataclass(slots=True)
class Service:
    """One process of the stack.

    Attributes:
        pid: Its process id.
        url: Where it answers, if it does by HTTP.
        log: The file that has its output.
        seconds: How long it took until it was healthy; None before.
        ended: How it ended against its will.
    """

    pid: int
    log: str
    url: str | None = None
    seconds: float | None = None
    ended: str | None = None


@dataclass(slots=True)
class State:
    """The stack of a folder as its supervisor last wrote it down.

    Attributes:
        pid: Process id of the supervisor.
        created: When that process started, as :func:`born` counts; tells it from a later one
            with the same id.
        ready: Whether everything is healthy.
        services: The processes by name.
        databases: SQLAlchemy URLs: Airflow's metadata, the results' writer and their reader.
        failure: Why it did not start: what, and the last lines of a log.
    """

    pid: int
    created: float
    ready: bool = False
    services: dict[str, Service] = field(default_factory=dict)
    databases: dict[str, str] = field(default_factory=dict)
    failure: Mapping[str, str] | None = None

    @classmethod
    def new(cls) -> State:
        """Return the state of a supervisor that is this very process."""
        return cls(pid=os.getpid(), created=born(psutil.Process()))

    @property
    def process(self) -> psutil.Process | None:
        """The supervisor, where it still runs."""
        try:
            process = psutil.Process(self.pid)
            same = born(process) == self.created
            alive = process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return None
        return process if same and alive else None

    def write(self, folder: DemoFolder) -> None:
        """Write it down."""
        write_private(folder.state, asdict(self))


def read_state(folder: DemoFolder) -> State | None:
    """Return what was last written down; None where nothing was, or nothing that can be read."""
    try:
        content = json.loads(Path(folder.state).read_bytes())
        services = {name: Service(**fields) for name, fields in content.pop("services").items()}
        return State(**content, services=services)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def supervisor_command(folder: DemoFolder) -> list[str]:
    """Return the command line of a folder's supervisor as far as it tells it from all others."""
    program = [sys.executable, "-m", "monitoring_jobs.demo"]
    return [*program, "serve", "--folder", str(folder.root)]


def find_supervisor(folder: DemoFolder) -> psutil.Process | None:
    """Return the supervisor of a folder, by what it wrote down or else by its command line.

    What it wrote down may be lost, and in its first second it has not written anything.
    """
    state = read_state(folder)
    if state and (process := state.process):
        return process
    words = supervisor_command(folder)[1:]
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.cmdline()[1 : 1 + len(words)] == words:
                return process
    return None
