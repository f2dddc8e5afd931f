"""`docker compose` on docker/compose.yaml: found, run, and its failures told in one line."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from monitoring_jobs.errors import InvalidSettings, MissingDependency, TerminalError
from monitoring_jobs.stack.environment import Environment

FILE = Path("docker/compose.yaml")
# Those that `ps`, `down` and the like are to see whatever was asked of `up`.
PROFILES = ("celery", "demo", "mail", "operations")

_INSTALL = "install Docker Engine with its compose plugin: https://docs.docker.com/engine/install/"
_CAUSES = (
    (
        re.compile(r"permission denied.*(?:docker\.sock|daemon socket)", re.IGNORECASE),
        "this user may not talk to the Docker engine",
        "add the user to the group docker and log in again, or run it with sudo",
    ),
    (
        re.compile(r"cannot connect to the docker|docker daemon running", re.IGNORECASE),
        "the Docker engine does not run",
        "start it: sudo systemctl start docker, or Docker Desktop",
    ),
    (
        re.compile(r"no space left on device", re.IGNORECASE),
        "the disk of the Docker engine is full",
        "docker system df shows what takes it; docs/operations/stack.md says what may go",
    ),
)
_READER_GONE = (-signal.SIGPIPE, 128 + signal.SIGPIPE)
_NOISE = re.compile(r"^(?:time=|\s*Container |\s*Network |\s*Volume |\s*Image |\[\+\])")


class StackFailed(TerminalError):
    """The engine, a service or Compose did not do what was asked."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container of the stack.

    Attributes:
        service: Its service.
        state: running, exited, restarting, ...
        health: healthy, unhealthy, starting; empty where the service has no check.
        exit_code: Of one that has ended.
        ports: Ports of the host that lead to it.
    """

    service: str
    state: str
    health: str
    exit_code: int
    ports: tuple[int, ...]

    @property
    def well(self) -> bool:
        """Whether it does what it is for."""
        if self.state == "running":
            return self.health in ("healthy", "")
        return self.state == "exited" and self.exit_code == 0


class Compose:
    """The stack of one clone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = Environment(root / FILE.parent / ".env")

    @classmethod
    def find(cls) -> Compose:
        """Return the stack of the current folder, or of the clone that this code lies in.

        Raises:
            InvalidSettings: Neither has one, or docker/.env is missing.
            MissingDependency: docker or its compose plugin is missing.
        """
        for folder in (Path.cwd(), Path(__file__).resolve().parents[2]):
            if (folder / FILE).is_file():
                found = cls(folder)
                found.environment.require()
                found.require_plugin()
                return found
        raise InvalidSettings(f"there is no {FILE} here", "run this in a clone of the project")

    @property
    def shown(self) -> str:
        """How a person starts Compose on this stack."""
        here = self.root == Path.cwd()
        return f"docker compose -f {FILE if here else self.root / FILE}"

    def require_plugin(self) -> None:
        """Make sure that Compose is there.

        Raises:
            MissingDependency: It is not.
        """
        if shutil.which("docker") is None:
            raise MissingDependency("docker is not on PATH", _INSTALL)
        command = ["docker", "compose", "version"]
        told = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - no shell
        if told.returncode:
            raise MissingDependency("docker has no compose plugin", _INSTALL)

    def containers(self) -> list[Container]:
        """Return what there is of the stack, running or not.

        Raises:
            StackFailed: The engine does not run, or does not let this user in.
        """
        text = self.capture("ps", "--all", "--format", "json").strip()
        # An array before Compose 2.21, an object a line since.
        try:
            listed: list[dict[str, Any]] = (
                json.loads(text) if text.startswith("[") else [*map(json.loads, text.splitlines())]
            )
            return sorted(map(_container, listed), key=lambda one: one.service)
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as exc:
            raise StackFailed(
                "docker compose ps cannot be understood", "bring the compose plugin up to date"
            ) from exc

    def capture(self, *words: str, text: str = "") -> str:
        """Run Compose to its end and return what it wrote to standard output.

        Args:
            words: What to do.
            text: What it reads.

        Raises:
            StackFailed: It failed.
        """
        done = subprocess.run(  # noqa: S603 - no shell
            self._command(words),
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            cwd=self.root,
            check=False,
        )
        if done.returncode:
            raise self._failure(words, done.stderr)
        return done.stdout

    def show(
        self,
        *words: str,
        more: Mapping[str, str] | None = None,
        source: IO[bytes] | None = None,
        target: IO[bytes] | None = None,
    ) -> None:
        """Run Compose while a person looks on.

        Args:
            words: What to do.
            more: Further variables of its environment.
            source: What it reads; nothing where there is none.
            target: What it writes to instead of standard output.

        Raises:
            StackFailed: It failed; why stands above, on standard error.
            BrokenPipeError: Nobody reads on, as behind ``| head``.
        """
        with subprocess.Popen(  # noqa: S603 - no shell
            self._command(words),
            stdin=source or subprocess.DEVNULL,
            stdout=target,
            env={**os.environ, **(more or {})},
            cwd=self.root,
        ) as process:
            try:
                code = process.wait()
            except BaseException:
                # Killed outright, it would leave what it has begun in a container to itself.
                process.terminate()
                process.wait()
                raise
        if code in _READER_GONE:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))  # as of our own output
        if code:
            raise StackFailed(
                f"docker compose {_verb(words)} ended with {code}",
                "the lines above say why; monitoring-jobs stack status and logs say more",
            )

    def _command(self, words: Sequence[str]) -> list[str]:
        return ["docker", "compose", "-f", str(FILE), *words]

    def _failure(self, words: Sequence[str], complaint: str) -> StackFailed:
        for pattern, what, cure in _CAUSES:
            if pattern.search(complaint):
                return StackFailed(what, cure)
        lines = [line.strip() for line in complaint.splitlines() if line.strip()]
        told = (
            [line for line in lines if not _NOISE.match(line)] or lines or ["it does not say why"]
        )
        return StackFailed(
            f"docker compose {_verb(words)} failed: {told[-1]}",
            f"{self.shown} {_verb(words)} shows all of it",
        )


def _verb(words: Sequence[str]) -> str:
    """Return what Compose was to do, without options that come before it."""
    left = list(words)
    while left and left[0] == "--profile":
        left = left[2:]
    return left[0] if left else ""


def _container(told: Mapping[str, Any]) -> Container:
    published = told.get("Publishers") or []
    ports = sorted({int(one["PublishedPort"]) for one in published if one.get("PublishedPort")})
    return Container(
        service=str(told["Service"]),
        state=str(told["State"]).lower(),
        health=str(told.get("Health") or "").lower(),
        exit_code=int(told.get("ExitCode") or 0),
        ports=tuple(ports),
    )
