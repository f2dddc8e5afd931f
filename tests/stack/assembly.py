"""The whole stack: started in the order that compose says, waited for, looked into and ended."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.stack.composed import Service, Stack
from tests.stack.errors import StackError
from tests.stack.network import Switch, in_namespace
from tests.stack.sandbox import require_sandboxes
from tests.stack.services import Container, Process
from tests.stack.starting import Start

FORWARDING = Path(__file__).with_name("forwarding.py")


@dataclass
class Assembly:
    """A stack that this machine runs.

    Attributes:
        stack: What compose says.
        state: The folder of all that is kept between two commands.
        scale: How many replicas of a service there are, where it is not one.
    """

    stack: Stack
    state: Path
    scale: Mapping[str, int] = field(default_factory=dict)
    # Processes that this one has started, to be collected; other commands may end them.
    children: list[subprocess.Popen[bytes]] = field(default_factory=list, repr=False)

    # --- what there is ----------------------------------------------------------------------------
    def container(self, service: str, replica: int = 1) -> Container:
        """Return a replica of a service, running or not."""
        if service not in self.stack.services:
            known = ", ".join(sorted(self.stack.services))
            raise StackError(f"no service {service}; there are {known}")
        return self._container(self.stack.services[service], str(replica))

    def containers(self) -> list[Container]:
        """Return every container that has been made, of services that compose still has."""
        made = sorted((self.state / "containers").glob("*/container.json"))
        found = [json.loads(note.read_bytes()) for note in made]
        return [
            self._container(self.stack.services[note["service"]], note["replica"])
            for note in found
            if note["service"] in self.stack.services
        ]

    def _container(self, service: Service, replica: str) -> Container:
        name = f"{self.stack.name}-{service.name}-{replica}"
        folder = self.state / "containers" / name
        note = folder / "container.json"
        if note.exists():
            number = json.loads(note.read_bytes())["number"]
        else:
            folder.mkdir(parents=True)
            notes = (self.state / "containers").glob("*/container.json")
            # 1 is the networks' own end.
            number = 1 + max((json.loads(n.read_bytes())["number"] for n in notes), default=1)
            content = {"service": service.name, "replica": replica, "number": number}
            note.write_text(json.dumps(content), encoding="utf-8")
            (folder / "hosts").touch()
        return Container(service, name, number, folder, self.state / "volumes")

    # --- up ---------------------------------------------------------------------------------------
    def up(self, services: Iterable[str] = (), *, wait: bool = True, seconds: float = 300) -> None:
        """Start services, or all of them, each once what it depends on is as it must be.

        Raises:
            StackError: One failed, or is not healthy within its own patience.
        """
        require_sandboxes()
        chosen = self._with_dependencies(services or self._default())
        self.state.mkdir(parents=True, exist_ok=True)
        # Whoever a service runs as must reach its volumes.
        self.state.chmod(0o755)
        switch = self.switch()
        replicas = {name: range(1, self.scale.get(name, 1) + 1) for name in chosen}
        wanted = {name: [self.container(name, n) for n in replicas[name]] for name in chosen}
        self._forward(switch, [c for made in wanted.values() for c in made])
        for surplus in self.containers():
            if surplus.service.name in chosen and surplus.name not in {
                container.name for made in wanted.values() for container in made
            }:
                self.remove(surplus)
        Start(self, switch, wanted).run(wait=wait, seconds=seconds)

    def _default(self) -> list[str]:
        return [name for name in self.stack.services if name != "operations"]

    def _with_dependencies(self, services: Iterable[str]) -> list[str]:
        found: list[str] = []
        rest = list(services)
        while rest:
            name = rest.pop(0)
            if name in found:
                continue
            found.append(self.container(name).service.name)
            for dependency in self.stack.services[name].depends_on:
                if dependency.service in self.stack.services:
                    rest.append(dependency.service)
                elif dependency.required:
                    raise StackError(f"{name} depends on {dependency.service}, which is not there")
        return [name for name in self.stack.services if name in found]

    def switch(self) -> Switch:
        """Return the namespace of the networks; a new one where there is none."""
        note = self.state / "switch.json"
        with suppress(OSError):
            known = json.loads(note.read_bytes())
            if Process(known["pid"], known["born"]).runs():
                return Switch(known["pid"], tuple(self.stack.internal))
        switch, sleeper = Switch.open(self.stack.internal)
        self.children.append(sleeper)
        process = Process.of(switch.pid)
        namespace = str(Path(f"/proc/{switch.pid}/ns/net").readlink())
        content = {**dataclasses.asdict(process), "namespace": namespace, "ports": []}
        note.write_text(json.dumps(content), encoding="utf-8")
        return switch

    def _forward(self, switch: Switch, containers: Sequence[Container]) -> None:
        """Lead the published ports in, as an engine's proxy does."""
        note = self.state / "switch.json"
        known = json.loads(note.read_bytes())
        listeners: list[tuple[socket.socket, str, int]] = []
        for container in containers:
            for port in container.service.ports:
                if port.host in known["ports"]:
                    continue
                open_networks = [
                    n for n in container.service.networks if not self.stack.internal[n]
                ]
                if not open_networks:
                    raise StackError(
                        f"{container.name} publishes {port.port}, and all its networks are internal"
                    )
                listener = _listen(container.name, port.address, port.host)
                target = switch.address(open_networks[0], container.number)
                listeners.append((listener, target, port.port))
                known["ports"].append(port.host)
        if not listeners:
            return
        words = [f"{listener.fileno()}:{target}:{port}" for listener, target, port in listeners]
        with (self.state / "forwarding.log").open("ab") as log:
            proxy = subprocess.Popen(
                [*switch.entered(), sys.executable, "-I", "-S", str(FORWARDING), *words],
                pass_fds=[listener.fileno() for listener, _, _ in listeners],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.children.append(proxy)
        for listener, _, _ in listeners:
            listener.close()
        note.write_text(json.dumps(known), encoding="utf-8")

    def name_all(self, *starting: Container) -> None:
        """Write every container's /etc/hosts: names of what runs and shares a network with it."""
        made, switch = self.containers(), self.switch()
        running = [container for container in made if container in starting or container.runs()]
        for container in made:
            lines = ["127.0.0.1 localhost"]
            for other in running:
                shared = [n for n in other.service.networks if n in container.service.networks]
                names = [other.service.name, other.name, other.hostname]
                names = names[::-1] if other == container else names
                lines += [
                    f"{switch.address(n, other.number)} {' '.join(names)}" for n in shared[:1]
                ]
            container.call("\n".join([*lines, ""]))

    # --- single containers ----------------------------------------------------------------------
    def run(
        self, service: str, arguments: Sequence[str] | None = None, *, dependencies: bool = True
    ) -> int:
        """Run a service once in the foreground, in a container of its own; return its exit code."""
        if dependencies and self.stack.services[service].depends_on:
            self.up([d.service for d in self.stack.services[service].depends_on])
        require_sandboxes()
        self.state.mkdir(parents=True, exist_ok=True)
        switch = self.switch()
        container = self._container(self.stack.services[service], f"run-{os.getpid()}")
        self.name_all(container)
        try:
            return container.run(switch, arguments)
        finally:
            shutil.rmtree(container.folder)

    def start(self, container: Container) -> None:
        """Start one container, and let the others know its name."""
        self.name_all(container)
        self.children.append(container.start(self.switch()))

    def remove(self, container: Container) -> None:
        """Stop a container and forget all of it but its volumes."""
        container.stop()
        shutil.rmtree(container.folder)

    # --- down -------------------------------------------------------------------------------------
    def stop(self, containers: Sequence[Container] | None = None) -> None:
        """Stop containers, or all of them, what depends on others first."""
        chosen = self.containers() if containers is None else containers
        for level in reversed(_levels(self.stack)):
            ending = [c for c in chosen if c.service.name in level and c.runs()]
            for container in ending:
                container.ask_to_end()
            for container in ending:
                container.await_end()

    def down(self, *, volumes: bool = False) -> None:
        """Stop all, end whatever is left in the networks, and forget the containers."""
        self.stop()
        note = self.state / "switch.json"
        with suppress(OSError):
            known = json.loads(note.read_bytes())
            kill_all(known["namespace"])
            for process in self._namespaces():
                kill_all(process)
            with suppress(psutil.Error):
                if Process(known["pid"], known["born"]).runs():
                    psutil.Process(known["pid"]).kill()
            note.unlink()
        for child in self.children:
            child.wait()
        self.children.clear()
        shutil.rmtree(self.state / "containers", ignore_errors=True)
        if volumes:
            shutil.rmtree(self.state / "volumes", ignore_errors=True)

    def _namespaces(self) -> list[str]:
        """Network namespaces of containers that still run although they were stopped."""
        found = []
        for container in self.containers():
            process = container.process
            if process and process.runs():
                with suppress(OSError):
                    found.append(str(Path(f"/proc/{process.pid}/ns/net").readlink()))
        return found


def kill_all(namespace: str) -> None:
    """Kill whatever is in a network namespace of the stack, until nothing is."""
    for _ in range(50):
        left = in_namespace(namespace)
        if not left:
            return
        for pid in left:
            with suppress(psutil.Error):
                psutil.Process(pid).kill()
        time.sleep(0.02)


def _levels(stack: Stack) -> list[list[str]]:
    """Return services by how many others must be there before them."""
    depth: dict[str, int] = {}

    def of(name: str) -> int:
        if name not in depth:
            needs = stack.services[name].depends_on
            there = [need.service for need in needs if need.service in stack.services]
            depth[name] = 1 + max(map(of, there), default=-1)
        return depth[name]

    deepest = max(map(of, stack.services), default=-1)
    return [[name for name in stack.services if of(name) == level] for level in range(deepest + 1)]


def _listen(name: str, address: str, port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
    except OSError as exc:
        listener.close()
        raise StackError(f"{name}: port {port} of {address} is taken") from exc
    listener.listen(64)
    return listener
