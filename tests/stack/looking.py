"""What is true of containers that run: their users, what they may write, what memory they take."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.stack.services import Container

_KERNEL = ("/proc", "/dev")
_MEGABYTE = 1024**2


@dataclass(frozen=True, slots=True)
class Rights:
    """What the kernel lets a process do.

    Attributes:
        pid: Its id.
        uid: The user it runs as.
        capabilities: Every set of them that is not empty, by name.
        may_gain: Whether a program could give it more.
    """

    pid: int
    uid: int
    capabilities: dict[str, int]
    may_gain: bool


def rights(container: Container) -> list[Rights]:
    """Return the rights of every process of a container but the engine's own."""
    found = []
    for process in container.processes():
        with suppress(psutil.Error, OSError):
            if Path(process.exe()).name == "bwrap":
                continue  # collects what has ended, in place of an engine's own init
            text = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
            status = dict(line.split(":", 1) for line in text.splitlines())
            sets = {
                n: int(status[n], 16) for n in ("CapPrm", "CapEff", "CapBnd", "CapInh", "CapAmb")
            }
            held = {name: value for name, value in sets.items() if value}
            uid = int(status["Uid"].split()[0])
            found.append(Rights(process.pid, uid, held, status["NoNewPrivs"].strip() != "1"))
    return found


def writable_mounts(container: Container) -> set[str]:
    """Return where a container can write: mounts that are not read-only, the kernel's aside."""
    process = container.process
    assert process is not None
    text = Path(f"/proc/{process.pid}/mountinfo").read_text(encoding="utf-8")
    fields = [line.split() for line in text.splitlines()]
    # Of two mounts on one place the later one hides the other.
    seen = {words[4]: words[5].split(",") for words in fields}
    return {
        target
        for target, options in seen.items()
        if "rw" in options and not target.startswith(_KERNEL)
    }


def declared_writable(container: Container) -> set[str]:
    """Return where compose lets a container write, with links of the image followed."""
    service = container.service
    volumes = {mount.target for mount in service.mounts if not mount.read_only}
    declared = volumes | {memory.target for memory in service.tmpfs}
    return {path.replace("/var/run/", "/run/") for path in declared}


def resident(container: Container) -> int:
    """Return the memory that a container's processes hold, in bytes, shared pages in proportion."""
    total = 0
    for process in container.processes():
        with suppress(psutil.Error, OSError):
            total += process.memory_full_info().pss
    return total


def processor_seconds(container: Container) -> float:
    """Return the processor time of a container's processes and of their ended children."""
    total = 0.0
    for process in container.processes():
        with suppress(psutil.Error):
            total += sum(process.cpu_times()[:4])
    return total


def memory_table(containers: Iterable[Container]) -> list[str]:
    """Return a table of memory against limits, in Markdown."""
    lines = ["| service | resident, MB | limit, MB | share |", "|---|---|---|---|"]
    for container in sorted(containers, key=lambda one: one.name):
        limit = container.service.memory or 0
        used = resident(container)
        share = f"{used / limit:.0%}" if limit else "-"
        name = container.name.split("-", 1)[1]
        lines.append(f"| {name} | {used // _MEGABYTE} | {limit // _MEGABYTE} | {share} |")
    return lines
