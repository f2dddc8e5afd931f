"""`make up`: the demo's results in Airflow's and MLflow's own pages, until `make down`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from monitoring_jobs.demo.dag_runs import require_dags
from monitoring_jobs.demo.display import Display, demo_console, tails_shown
from monitoring_jobs.demo.down import end_supervisor
from monitoring_jobs.demo.finished import read_finished
from monitoring_jobs.demo.folder import DemoFolder, claim
from monitoring_jobs.demo.places import show_stack
from monitoring_jobs.demo.ports import Ports
from monitoring_jobs.demo.processes import StepFailed
from monitoring_jobs.demo.run import run_demo
from monitoring_jobs.demo.services import PROJECT
from monitoring_jobs.demo.signals import orderly_end
from monitoring_jobs.demo.state import State, read_state

_LOOK_SECONDS = 0.1


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
    console = demo_console()
    with tails_shown(), orderly_end():
        state = read_state(home)
        if state and state.process:
            return _join(home, state, Display(console))
        require_dags()
        ports.choose()  # a port that cannot be had is told before anything else is done
        with claim(folder):  # so is a folder that cannot
            demo = read_finished(home)
    if demo is None:
        run_demo(folder)
        console.print()
    with tails_shown(), orderly_end():
        show_stack(console, home, _start(home, ports, Display(console)))
    return 0


def _join(home: DemoFolder, state: State, display: Display) -> int:
    """Tell of a stack that runs already, or is just being started by another `make up`."""
    console = display.console
    if state.ready:
        console.print(f"Already running in {home.root}.", soft_wrap=True)
    else:
        console.print(f"Being started by another make up in {home.root}.", soft_wrap=True)
        with display:
            state = _wait(home, state.pid, None, display)
    show_stack(console, home, state)
    ended = {name: service for name, service in state.services.items() if service.ended}
    for name, service in ended.items():
        text = f"[bold red]{name} {service.ended}[/bold red]; its output is in {service.log}"
        console.print(text, soft_wrap=True)
    return 1 if ended else 0


def _start(home: DemoFolder, ports: Ports, display: Display) -> State:
    """Start the supervisor and wait until all is healthy; end it where that does not come."""
    home.state.unlink(missing_ok=True)
    command = [sys.executable, "-m", "monitoring_jobs.demo", "serve", "--folder", str(home.root)]
    with _log(home).open("w", encoding="utf-8") as log:
        supervisor = subprocess.Popen(
            [*command, *ports.options()],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
            cwd=PROJECT,
            start_new_session=True,  # it outlives this terminal
        )
    try:
        with display:
            return _wait(home, supervisor.pid, supervisor, display)
    except BaseException as exc:
        end_supervisor(home, supervisor.pid)
        supervisor.wait()
        if isinstance(exc, SystemExit):
            text = "[yellow]Interrupted; everything that was started has been ended.[/yellow]"
            display.console.print(text)
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
    last = lines[-1] if lines else "the supervisor ended"
    return StepFailed(last, "" if len(lines) == 1 else f"its output is in {log}")


def _log(home: DemoFolder) -> Path:
    return home.logs / "up.log"
