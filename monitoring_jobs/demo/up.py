"""`make up`: the demo's results in Airflow's and MLflow's own pages, until `make down`."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

from monitoring_jobs.demo.airflow import API_SERVER
from monitoring_jobs.demo.dag_runs import require_dags
from monitoring_jobs.demo.display import Display, demo_console, tails_shown
from monitoring_jobs.demo.finished import read_finished
from monitoring_jobs.demo.folder import (
    ClaimedFolder,
    DemoFolder,
    FolderInUse,
    claim,
    complete,
    is_demo,
)
from monitoring_jobs.demo.leftovers import end_all_leftovers, end_supervisor
from monitoring_jobs.demo.places import show_stack
from monitoring_jobs.demo.ports import Ports
from monitoring_jobs.demo.processes import StepFailed
from monitoring_jobs.demo.run import run_claimed, say_interrupted
from monitoring_jobs.demo.services import PROJECT
from monitoring_jobs.demo.signals import orderly_end
from monitoring_jobs.demo.state import State, read_state, supervisor_command

_LOOK_SECONDS = 0.1
# Whoever holds the folder may be a start that has no supervisor yet.
_HOLD_SECONDS = 5.0


def up(folder: Path = Path(".demo"), ports: Ports | None = None) -> int:
    """Start Airflow, MLflow and their like on a demo's results, and tell where they are.

    Where no demo has run to its end, it runs first. What is started goes on until :func:`down`.

    Returns:
        0: everything is healthy; 1: something has ended since an earlier start.

    Raises:
        MonitoringError: The demo failed, or something did not start; all else has been ended.
        SystemExit: The start was interrupted; all that was started has been ended.
    """
    home = DemoFolder(folder.expanduser().resolve())
    ports = ports or Ports()
    display = Display(demo_console())
    deadline = time.monotonic() + _HOLD_SECONDS
    with tails_shown(), orderly_end():
        while True:
            state = read_state(home)
            if state and state.process:
                return _join(home, state, ports, display)
            try:
                return _fresh(home, ports, display)
            except FolderInUse:
                if time.monotonic() > deadline:
                    raise
            time.sleep(_LOOK_SECONDS)


def _join(home: DemoFolder, state: State, ports: Ports, display: Display) -> int:
    """Tell of a stack that runs already, or is just being started by another `make up`."""
    console = display.console
    urls = {
        "airflow" if name == API_SERVER else name: service.url
        for name, service in state.services.items()
        if service.url
    }
    other = " and ".join(ports.other_than(urls))
    unheeded = (
        f", with {other} on another port than asked for; to change that, make down first"
        if other
        else ""
    )
    if state.ready:
        console.print(f"Already running in {home.root}{unheeded}.", soft_wrap=True)
    else:
        told = f"Being started by another make up in {home.root}{unheeded}."
        console.print(told, soft_wrap=True)
        with display:
            state = _wait(home, state.pid, None, display)
    show_stack(console, home, state)
    ended = {name: service for name, service in state.services.items() if service.ended}
    for name, service in ended.items():
        text = f"[bold red]{name} {service.ended}[/bold red]; its output is in {service.log}"
        console.print(text, soft_wrap=True)
    return 1 if ended else 0


def _fresh(home: DemoFolder, ports: Ports, display: Display) -> int:
    """Start the stack in a folder that nobody holds; it is held from here to its end.

    Raises:
        FolderInUse: Somebody else holds it.
        MonitoringError: The demo failed, or something did not start.
    """
    require_dags()
    if not is_demo(home.root):
        ports.choose()  # a port that cannot be had is told before a folder is made
    with claim(home.root) as claimed:
        end_all_leftovers(claimed)  # they may have the very ports that are asked for
        ports.choose()
        try:
            if read_finished(claimed) is None:
                run_claimed(claimed, display, ends_here=False)
                display.console.print()
            complete(claimed)
            state = _start(claimed, ports, display)
        except SystemExit:
            say_interrupted(display.console)
            raise
    show_stack(display.console, home, state)
    return 0


def _start(home: ClaimedFolder, ports: Ports, display: Display) -> State:
    """Start the supervisor and wait until all is healthy; end it where that does not come."""
    with _log(home).open("w", encoding="utf-8") as log:
        supervisor = subprocess.Popen(
            [*supervisor_command(home), *ports.options(), f"--lock={home.handle}"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            cwd=PROJECT,
            pass_fds=(home.handle,),  # it holds the folder from its first moment on
            start_new_session=True,  # it outlives this terminal
        )
    try:
        with display:
            return _wait(home, supervisor.pid, supervisor, display)
    except BaseException:
        with suppress(psutil.Error):
            end_supervisor(psutil.Process(supervisor.pid))
        supervisor.wait()
        end_all_leftovers(home)
        raise


def _wait(
    home: DemoFolder, pid: int, supervisor: subprocess.Popen[bytes] | None, display: Display
) -> State:
    """Show each service as it becomes healthy; return the state of all.

    Raises:
        StepFailed: One did not, or the supervisor broke off.
    """
    shown: set[str] = set()
    with display.waiting("Airflow and MLflow are starting"):
        while True:
            # First look whether it lives, then what it wrote: its last words must not be missed.
            alive = supervisor is None or supervisor.poll() is None
            state = read_state(home)
            if state is None or state.pid != pid:
                if not alive or supervisor is None:
                    raise _broken_off(home)
            else:
                for name, service in state.services.items():
                    if service.seconds is not None and name not in shown:
                        shown.add(name)
                        display.done(name, service.seconds, *filter(None, [service.url]))
                if state.failure:
                    raise StepFailed(state.failure["what"], "", state.failure["tail"])
                if state.ready:
                    return state
                if not alive or not state.process:
                    raise _broken_off(home)
            time.sleep(_LOOK_SECONDS)


def _broken_off(home: DemoFolder) -> StepFailed:
    """Return the error for a supervisor that ended without a word in its state."""
    log = _log(home)
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    last = lines[-1] if lines else "the start was ended by somebody else, as by make down"
    return StepFailed(last, f"its output is in {log}" if len(lines) > 1 else "")


def _log(home: DemoFolder) -> Path:
    return home.logs / "up.log"
