"""The networks of the stack: real bridges in a namespace of their own, an interface a service."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.stack.errors import StackError


@dataclass(frozen=True, slots=True)
class Switch:
    """The namespace that all networks meet in, held open by a process that only sleeps.

    Attributes:
        pid: The process.
        networks: Names of the networks; their order gives their addresses.
    """

    pid: int
    networks: tuple[str, ...]

    @classmethod
    def open(cls, internal: Mapping[str, bool]) -> tuple[Switch, subprocess.Popen[bytes]]:
        """Make the namespace and a bridge for each network; return it and its process."""
        mapped = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
        sleeper = subprocess.Popen(
            ["unshare", *mapped, "--net", "sh", "-c", "echo; exec sleep infinity"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # whoever reads ours would wait for its end
            start_new_session=True,
        )
        assert sleeper.stdout is not None
        with sleeper.stdout:
            if not sleeper.stdout.readline():
                raise StackError("no network namespace can be made here")
        # Nobody may look into a process that is about to become another program.
        while Path(f"/proc/{sleeper.pid}/comm").read_text(encoding="utf-8") != "sleep\n":
            time.sleep(0.005)
        switch = cls(sleeper.pid, tuple(internal))
        lines = ["link set lo up"]
        for number, (name, closed) in enumerate(internal.items()):
            lines += [f"link add name br{number} type bridge", f"link set br{number} up"]
            # Published ports lead through the bridge's own address; an internal network has none.
            if not closed:
                lines.append(f"addr add {switch.address(name, 1)}/24 dev br{number}")
        switch._ip(lines)
        return switch, sleeper

    def address(self, network: str, number: int) -> str:
        """Return the address of a service in a network."""
        return f"10.{200 + self.networks.index(network)}.0.{number}"

    def plug(self, pid: int, number: int, networks: Sequence[str]) -> None:
        """Give the namespace of a process an interface for each of its networks."""
        outside, inside = [], []
        for order, name in enumerate(networks):
            bridge, port = self.networks.index(name), f"c{number}n{order}"
            outside += [
                f"link add name {port} type veth peer name eth{order} netns {pid}",
                f"link set {port} master br{bridge} up",
            ]
            inside += [
                f"addr add {self.address(name, number)}/24 dev eth{order}",
                f"link set eth{order} up",
            ]
        self._ip(outside)
        self._ip(inside, pid)

    def entered(self, pid: int | None = None) -> list[str]:
        """Return the words before a command that run it inside, or in a service's namespace."""
        user = [f"--user=/proc/{self.pid}/ns/user", "--preserve-credentials"]
        user = user if os.geteuid() else []
        return ["nsenter", *user, f"--net=/proc/{pid or self.pid}/ns/net", "--"]

    def _ip(self, lines: Iterable[str], pid: int | None = None) -> None:
        done = subprocess.run(
            [*self.entered(pid), "ip", "-batch", "-"],
            input="\n".join(lines) + "\n",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StackError(f"the network cannot be laid: {done.stderr.strip()}")


def members(pid: int) -> list[int]:
    """Return every process in the network namespace of a process."""
    try:
        namespace = Path(f"/proc/{pid}/ns/net").readlink()
    except OSError:
        return []
    return in_namespace(str(namespace))


def in_namespace(namespace: str) -> list[int]:
    """Return every process in a network namespace such as ``net:[4026531840]``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if str((entry / "ns" / "net").readlink()) == namespace:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found
