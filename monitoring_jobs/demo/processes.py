"""Child processes that never outlive the demo, however it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from monitoring_jobs.errors import TerminalError
from monitoring_jobs.whole_file import whole_file

_PATIENCE_SECONDS = 5.0
_TAIL_LINES = 40
# In the environment of every process that a demo starts, and of its descendants.
MARKER = "MONITORING_DEMO_MARKER"
# What Airflow, MLflow and Prometheus say while all is well.
_CHATTER = re.compile(r"\[(info|debug) *\]| INFO: | level=(?i:info|debug) ")


class StepFailed(TerminalError):
    """A subprocess of the demo failed.

    Attributes:
        tail: The last lines of its output.
    """

    def __init__(self, what: str, cure: str = "", tail: str = "") -> None:
        self.tail = tail
        super().__init__(what, cure)


def as_tail(text: str) -> str:
    """Return the last lines of an output, without what is said while all is well."""
    lines = [line for line in text.splitlines() if not _CHATTER.search(line)]
    return "\n".join(f"  | {line}" for line in lines[-_TAIL_LINES:])


class Processes:
    """Starts child processes, each in a session of its own, and ends them with their children.

    Every start is noted in a register on disk. After a ``kill -9`` of the demo itself the next run
    reads the register and ends what is left over; process id and start time together make sure
    that no stranger is hit. A demo may also be killed after a start and before its note: therefore
    all processes bear a random marker, which is in the register before the first of them starts.
    """

    def __init__(self, register: Path, logs: Path) -> None:
        self._register = register
        self._logs = logs
        self._marker = uuid.uuid4().hex
        self._running: list[subprocess.Popen[Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end(*self._running)

    def log_of(self, name: str) -> Path:
        """Return the file that holds a process's output."""
        return self._logs / f"{name}.log"

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        env: Mapping[str, str],
        cwd: Path,
        pipe_stdout: bool = False,
    ) -> subprocess.Popen[str]:
        """Start a process whose output goes to its log; stdout to a pipe if asked for."""
        self._note()
        with self.log_of(name).open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipe_stdout else log,
                stderr=log,
                env={**env, MARKER: self._marker},
                cwd=cwd,
                text=True,
                # Ctrl-C reaches the demo alone, which then ends its children in order.
                start_new_session=True,
            )
        self._running.append(process)
        self._note()
        return process

    def run(
        self, name: str, command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path
    ) -> list[str]:
        """Run a process to its end; return the lines of its standard output.

        Raises:
            StepFailed: It ended with another exit code than 0.
        """
        process = self.start(name, command, env=env, cwd=cwd, pipe_stdout=True)
        try:
            lines = list(process.stdout or ())
            code = process.wait()
        finally:
            self.end(process)
        if code:
            raise self.failure(name, f"ended with exit code {code}")
        return lines

    def failure(self, name: str, what: str) -> StepFailed:
        """Return the error for a process, with the tail of its log."""
        log = self.log_of(name)
        try:
            text = log.read_text(encoding="utf-8", errors="replace")
        except OSError:
            text = ""
        return StepFailed(f"{name} {what}", f"its output is in {log}", as_tail(text))

    def end(self, *processes: subprocess.Popen[Any], patience: float = _PATIENCE_SECONDS) -> None:
        """End processes and all their descendants: ask first, then kill."""
        family = [
            member
            for process in processes
            for member in _family(process.pid, ended=process.poll() is not None)
        ]
        _end(family, patience)
        for process in processes:
            process.wait()
            if process.stdout:
                process.stdout.close()
        self._running = [p for p in self._running if p not in processes]
        self._note()

    def _note(self) -> None:
        entries = []
        for process in self._running:
            try:
                entries.append([process.pid, born(psutil.Process(process.pid))])
            except psutil.Error:
                continue
        content = {"marker": self._marker, "processes": entries}
        with whole_file(self._register, lasting=False) as file:
            file.write(json.dumps(content).encode())


def end_leftovers(register: Path) -> int:
    """End the processes that an earlier, killed demo left running; return how many."""
    try:
        content = json.loads(register.read_bytes())
        marker = str(content["marker"])
        entries = [(int(pid), float(at)) for pid, at in content["processes"]]
    except (OSError, ValueError, TypeError, KeyError):
        return 0
    left = {process.pid: process for process in _marked(marker)}
    for pid, started in entries:
        with suppress(psutil.Error):
            if born(psutil.Process(pid)) == started:
                left |= {process.pid: process for process in _family(pid)}
    _end(list(left.values()))
    return len(left)


def born(process: psutil.Process) -> float:
    """Return when a process started, which with its id tells it from every other.

    On Linux in clock ticks since the machine started: a time of day would move whenever the
    system's clock is set.

    Raises:
        psutil.Error: There is no such process.
    """
    try:
        # The name before the state is in brackets and may hold anything, brackets too.
        text = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8", errors="replace")
        return float(text.rpartition(")")[2].split()[19])
    except (OSError, IndexError):
        return process.create_time()


def _marked(marker: str) -> list[psutil.Process]:
    """Return the processes that bear a marker, with what else runs in their sessions."""
    sessions = set()
    for process in psutil.process_iter():
        try:
            if marker and process.environ().get(MARKER) == marker:
                sessions.add(os.getsid(process.pid))
        except (OSError, psutil.Error):
            continue  # another user's, or gone
    # Whoever renames itself, as servers do, may lose its environment, but not its session.
    return [member for leader in sessions for member in _family(leader)]


def _family(pid: int, *, ended: bool = False) -> list[psutil.Process]:
    """Return a process, its descendants, and what else still runs in its session."""
    found: dict[int, psutil.Process] = {}
    if not ended:
        with suppress(psutil.Error):
            leader = psutil.Process(pid)
            found = {p.pid: p for p in (leader, *leader.children(recursive=True))}
    # A grandchild whose parent has ended is nobody's descendant, and yet of our session.
    for process in psutil.process_iter():
        try:
            if process.pid not in found and os.getsid(process.pid) == pid:
                found[process.pid] = process
        except (OSError, psutil.Error):
            continue
    return list(found.values())


def listens(pid: int, port: int | None) -> bool:
    """Tell whether a process or a descendant listens on a port.

    Who answers there may be a stranger that was faster; our own server is about to give up then.
    """
    for process in _family(pid):
        with suppress(psutil.Error):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port:
                    return True
    return False


def _end(processes: Sequence[psutil.Process], patience: float = _PATIENCE_SECONDS) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            with suppress(psutil.Error):
                process.send_signal(sign)
        processes = still_running(processes, patience)
        if not processes:
            return


def still_running(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until processes have ended; return those that have not after so many seconds.

    A zombie has ended: in a container nobody may be there to collect it.
    """
    deadline = time.monotonic() + seconds
    while (alive := [p for p in processes if _runs(p)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
