"""One container: a service started in its sandbox, asked about its health, entered and stopped.

What is known of it lies in its folder, so that one command can start it and the next one stop it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from monitoring_jobs.demo.processes import born, still_running
from tests.stack.composed import Health, Service
from tests.stack.errors import StackError
from tests.stack.images import image_of
from tests.stack.network import Switch, members
from tests.stack.sandbox import Box, privileges, program, user_namespace

_START_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Process:
    """A process by its id and its birth, which together are nobody else's."""

    pid: int
    born: float

    @classmethod
    def of(cls, pid: int) -> Process:
        return cls(pid, born(psutil.Process(pid)))

    def runs(self) -> bool:
        """Tell whether it runs; a zombie has ended."""
        try:
            process = psutil.Process(self.pid)
            return born(process) == self.born and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False


@dataclass(frozen=True, slots=True)
class Container:
    """One replica of a service.

    Attributes:
        service: What compose says.
        name: Its name: project, service, number.
        number: Its place in the networks, from 2.
        folder: Where its log and its state lie.
        volumes: Where the named volumes lie.
    """

    service: Service
    name: str
    number: int
    folder: Path
    volumes: Path

    @property
    def hostname(self) -> str:
        """Twelve hexadecimal digits, as an engine names containers."""
        return hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]

    @property
    def hosts(self) -> Path:
        """The file that is its /etc/hosts."""
        return self.folder / "hosts"

    def call(self, hosts: str) -> None:
        """Replace what its /etc/hosts says, in the same file, for that is mounted.

        It is never seen empty: whoever looks a name up at this moment finds the old or the new.
        """
        content = hosts.encode()
        if self.hosts.read_bytes() != content:
            with self.hosts.open("rb+", buffering=0) as file:
                file.write(content)
                file.truncate(len(content))

    @property
    def log(self) -> Path:
        """What it prints."""
        return self.folder / "log"

    def box(self) -> Box:
        """Return its sandbox."""
        return Box(
            service=self.service,
            image=image_of(self.service.image),
            hostname=self.hostname,
            hosts=self.hosts,
            volumes=self.volumes,
            scratch=self.folder,
        )

    # --- state ------------------------------------------------------------------------------------
    @property
    def process(self) -> Process | None:
        """Process 1 of the container, if it has ever started."""
        try:
            return Process(**json.loads((self.folder / "process.json").read_bytes()))
        except OSError:
            return None

    @property
    def started(self) -> bool:
        """Whether it has been started since it was made."""
        return self.process is not None

    def runs(self) -> bool:
        """Tell whether it runs now."""
        process = self.process
        return process is not None and process.runs()

    @property
    def exit_code(self) -> int | None:
        """What it ended with; None while it runs."""
        return None if self.runs() else self._status().get("exit-code")

    def changed(self) -> bool:
        """Tell whether compose now says something else than when it was started."""
        return (self.folder / "started-as").read_text(encoding="utf-8") != self._said()

    def _said(self) -> str:
        # A hash: the environment holds passwords.
        return hashlib.sha256(repr(self.service).encode()).hexdigest()

    def _status(self) -> dict[str, Any]:
        try:
            lines = (self.folder / "status.json").read_text(encoding="utf-8").splitlines()
        except OSError:
            return {}
        status: dict[str, Any] = {}
        for line in lines:
            with suppress(ValueError):
                status |= json.loads(line)
        return status

    # --- life -------------------------------------------------------------------------------------
    def start(self, switch: Switch) -> subprocess.Popen[bytes]:
        """Start it in the background; its output goes to its log."""
        with self.log.open("ab") as log:
            return self._launch(switch, None, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def run(self, switch: Switch, arguments: Sequence[str] | None) -> int:
        """Run it in the foreground, with this process's input and output; return its exit code."""
        return self._launch(switch, arguments).wait()

    def _launch(
        self, switch: Switch, arguments: Sequence[str] | None, **streams: Any
    ) -> subprocess.Popen[bytes]:
        box = self.box()
        # As an engine does, unless an init of its own collects what has ended.
        single = [] if self.service.init or box.command()[0] == "tini" else ["--as-pid-1"]
        held, release = os.pipe()
        status = os.open(self.folder / "status.json", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        joined = switch.entered() if os.geteuid() else []
        command = [
            *joined,
            *("bwrap", *user_namespace(box), *single, *box.arguments()),
            *("--block-fd", str(held), "--json-status-fd", str(status), "--"),
            *_owning(box),
            *privileges(box),
            *program(box, box.command(arguments)),
        ]
        environment = box.environment()
        # bwrap itself is found on the host's PATH, not on that of the image.
        command[len(joined)] = _tool("bwrap")
        if joined:
            command[0] = _tool("nsenter")
        detached = {"start_new_session": True} if streams else {}
        child = subprocess.Popen(
            command, env=environment, pass_fds=(held, status), cwd="/", **streams, **detached
        )
        os.close(held)
        os.close(status)
        try:
            pid = self._first_pid(child)
            note = {"pid": pid, "born": born(psutil.Process(pid))}
            (self.folder / "process.json").write_text(json.dumps(note), encoding="utf-8")
            (self.folder / "started-as").write_text(self._said(), encoding="utf-8")
            switch.plug(pid, self.number, self.service.networks)
            os.write(release, b"\n")
        finally:
            os.close(release)
        return child

    def _first_pid(self, child: subprocess.Popen[bytes]) -> int:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and child.poll() is None:
            pid = self._status().get("child-pid")
            if pid:
                # The file tells it before the namespaces are made; that they are is seen here.
                with suppress(OSError):
                    if (
                        Path(f"/proc/{pid}/ns/net").readlink()
                        != Path("/proc/self/ns/net").readlink()
                    ):
                        return int(pid)
            time.sleep(0.01)
        raise StackError(f"{self.name} cannot be started: {self.tail()}")

    def processes(self) -> list[psutil.Process]:
        """Return every process of the container."""
        process = self.process
        if process is None or not process.runs():
            return []
        found = []
        for pid in members(process.pid):
            with suppress(psutil.Error):
                found.append(psutil.Process(pid))
        return found

    def stop(self) -> None:
        """Ask process 1 to end, then kill all of it."""
        self.ask_to_end()
        self.await_end()

    def ask_to_end(self) -> None:
        """Send the signal that an engine sends first."""
        process = self.process
        if process is None or not process.runs():
            return
        with suppress(psutil.Error):
            first = psutil.Process(process.pid)
            # bwrap's process 1 does not hand signals on, as tini would.
            for member in first.children() if self._has_init() else [first]:
                member.send_signal(signal.SIGTERM)

    def await_end(self) -> None:
        """Wait for the end as long as compose allows, then kill."""
        process = self.process
        if process is None or not process.runs():
            return
        family = self.processes()
        with suppress(psutil.Error):
            first = psutil.Process(process.pid)
            if still_running([first], self.service.grace):
                first.kill()
        still_running(family, 5)

    def _has_init(self) -> bool:
        return self.service.init or self.box().command()[0] == "tini"

    # --- inside -----------------------------------------------------------------------------------
    def entering(self, words: Sequence[str]) -> list[str]:
        """Return the command line that runs words inside, as the same user with the same means.

        The environment is not among them: secrets would show in the list of processes.

        Raises:
            StackError: It does not run.
        """
        process = self.process
        if process is None or not process.runs():
            raise StackError(f"{self.service.name} does not run: {self.tail()}")
        box = self.box()
        nsenter = _tool("nsenter")
        spaces = ["--mount", "--net", "--pid", "--uts", "--ipc"]
        above, below = [], []
        if os.geteuid():
            # bubblewrap's user namespace is below the one that owns the others, and that below the
            # networks': from there they can be entered, and then the one of the service.
            note = json.loads((self.folder.parents[1] / "switch.json").read_bytes())
            kept = "--preserve-credentials"
            above = [nsenter, f"--user=/proc/{note['pid']}/ns/user", kept, "--"]
            below = [nsenter, "--user=/proc/1/ns/user", kept, "--"]
        return [
            *above,
            *(nsenter, f"--target={process.pid}", *spaces, "--"),
            *below,
            *privileges(box),
            *("/usr/bin/env", "-C", box.working_dir),
            *program(box, words),
        ]

    def execute(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command inside to its end; return it with its output."""
        chosen: dict[str, Any] = {"capture_output": True, "text": True, **options}
        environment = self.box().environment()
        return subprocess.run(self.entering(words), env=environment, check=False, **chosen)

    def check(self) -> subprocess.Popen[bytes]:
        """Begin the health check as compose writes it; its output goes to a file.

        Raises:
            StackError: There is none, or it calls a program that the image does not have.
        """
        health = self.service.health
        if health is None:
            raise StackError(f"{self.service.name} has no health check")
        words = check_words(self.service.name, health, image_of(self.service.image).tools)
        with (self.folder / "health").open("wb") as output:
            return subprocess.Popen(
                self.entering(words),
                env=self.box().environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def healthy(self) -> bool | None:
        """Ask once; None where there is nothing to ask."""
        if self.service.health is None:
            return None
        try:
            return self.check().wait(self.service.health.timeout) == 0
        except subprocess.TimeoutExpired:
            return False

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of its log, with what its health check said last."""
        said = []
        for name in ("log", "health"):
            with suppress(OSError):
                text = (self.folder / name).read_text(encoding="utf-8", errors="replace")
                said += text.splitlines()[-lines:]
        return "\n  ".join(["", *said]) if said else "it has said nothing"


def check_words(service: str, health: Health, tools: frozenset[str]) -> list[str]:
    """Return the command of a health check.

    Raises:
        StackError: It calls a program that the image does not have, though this machine may.
    """
    kind, *rest = health.test
    called = rest[:1] if kind == "CMD" else re.findall(r"(?:^|&&|\|\||[|;])\s*([^\s|;&]+)", rest[0])
    if foreign := [name for name in called if name not in tools | {"exit", "test", "["}]:
        raise StackError(f"service {service}: its image has no {foreign[0]} for the health check")
    return ["/bin/sh", "-c", *rest] if kind == "CMD-SHELL" else rest


def _owning(box: Box) -> list[str]:
    """Return the words that make tmpfs somebody's before root's child gives up being root."""
    owned = box.owned() if os.geteuid() == 0 else {}
    if not owned:
        return []
    script = "; ".join(f"chown {owner} {path}" for path, owner in owned.items())
    return ["/bin/sh", "-c", f'{script}; exec "$@"', "sh"]


def _tool(name: str) -> str:
    for folder in ("/usr/bin", "/bin", "/usr/sbin", "/sbin"):
        if Path(folder, name).exists():
            return f"{folder}/{name}"
    raise StackError(f"{name} is not installed")
