"""Processes measured from start to exit: wall time, processor time and peak resident memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]
# Nobody is told that a benchmark runs, and pyarrow, numpy and the like may use what they find.
_QUIET = {
    "DO_NOT_TRACK": "1",
    "NML_DISABLE_USAGE_LOGGING": "1",
    "WHYLOGS_NO_ANALYTICS": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PYTHONPATH": str(ROOT),
}


@dataclass(frozen=True, slots=True)
class Command:
    """A Python process: its arguments and the variables that it needs beside ours."""

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str = sys.executable


@dataclass(frozen=True, slots=True)
class Cost:
    """What one or several processes took.

    Attributes:
        seconds: Wall time from the first start to the last exit.
        cpu_seconds: Processor time, added up over all processes and threads.
        megabytes: Peak resident memory of the largest process, 10**6 bytes.
        own_seconds: What the process says of its job alone, imports and connecting left out.
    """

    seconds: float
    cpu_seconds: float
    megabytes: float
    own_seconds: float | None = None

    def then(self, later: Cost) -> Cost:
        """Return the cost of both, one after the other."""
        return Cost(
            self.seconds + later.seconds,
            self.cpu_seconds + later.cpu_seconds,
            max(self.megabytes, later.megabytes),
            later.own_seconds,
        )


class ProcessFailed(Exception):
    """A measured process did not end well; the message holds what it printed last."""


def run(*commands: Command) -> Cost:
    """Run processes at once, and return what they took together.

    Raises:
        ProcessFailed: One of them ended with another code than 0.
    """
    began = time.perf_counter()
    running = [_Running(command) for command in commands]
    ended = [process.wait() for process in running]
    seconds = time.perf_counter() - began
    told = [cost.own_seconds for cost in ended if cost.own_seconds is not None]
    return Cost(
        seconds,
        sum(cost.cpu_seconds for cost in ended),
        max(cost.megabytes for cost in ended),
        max(told) if told else None,
    )


class _Running:
    """One process. What its peak memory counts begins with that of its parent, so keep us lean."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - wait() closes it
        self._process = subprocess.Popen(
            [command.python, *command.arguments],
            cwd=ROOT,
            env={**os.environ, **_QUIET, **command.environment},
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    def wait(self) -> Cost:
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        text = self._text()
        if self._process.returncode:
            arguments = " ".join(self._command.arguments)
            code = self._process.returncode
            raise ProcessFailed(f"{arguments} ended with {code}:\n{text[-3000:]}")
        unit = 1 if sys.platform == "darwin" else 1024
        cpu = usage.ru_utime + usage.ru_stime
        return Cost(0.0, cpu, usage.ru_maxrss * unit / 1e6, _own_seconds(text))

    def _text(self) -> str:
        with self._output:
            self._output.seek(0)
            return self._output.read().decode(errors="replace")


def tell(seconds: float) -> None:
    """Say how long the job alone took; the last line that a measured process prints."""
    sys.stdout.write(json.dumps({"own_seconds": seconds}) + "\n")


def _own_seconds(text: str) -> float | None:
    last = text.strip().rpartition("\n")[2]
    if not last.startswith('{"own_seconds"'):
        return None
    return float(json.loads(last)["own_seconds"])
