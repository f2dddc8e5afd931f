"""The order of a start: each service as soon as what it depends on is as compose says."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.stack.composed import Dependency
from tests.stack.errors import StackError
from tests.stack.network import Switch
from tests.stack.services import Container

if TYPE_CHECKING:
    from tests.stack.assembly import Assembly

# Compose asks every ten seconds or more; how long it is patient stays as it says.
_ASK_EVERY = 2.0


@dataclass
class _Waiting:
    """A container whose health is being asked for."""

    since: float
    asked: float = 0.0
    asking: subprocess.Popen[bytes] | None = None
    healthy: bool = False


@dataclass
class Start:
    """One start of services, each as soon as it may."""

    assembly: Assembly
    switch: Switch
    wanted: Mapping[str, list[Container]]
    waiting: dict[str, _Waiting] = field(default_factory=dict)
    touched: set[str] = field(default_factory=set)

    def run(self, *, wait: bool, seconds: float) -> None:
        """Start everything; with ``wait`` until all is healthy or has ended well."""
        deadline = time.monotonic() + seconds
        pending = dict(self.wanted)
        try:
            while True:
                for name in [name for name in pending if self._may_start(name)]:
                    for container in pending.pop(name):
                        self._begin(container)
                done = all(self._is(name, "settled") for name in self.wanted)
                if not pending and (done or not wait):
                    return
                if time.monotonic() > deadline:
                    late = [n for n in self.wanted if n in pending or not self._is(n, "settled")]
                    raise StackError(f"after {seconds:.0f} s not yet ready: {', '.join(late)}")
                time.sleep(0.3)
        finally:
            for asked in self.waiting.values():
                if asked.asking and asked.asking.poll() is None:
                    asked.asking.kill()
                    asked.asking.wait()

    def _begin(self, container: Container) -> None:
        # As an engine does: what has changed is made anew, and what has ended starts again.
        if container.runs() and container.changed():
            container.stop()
        if not container.runs():
            self.assembly.start(container)
        self.waiting[container.name] = _Waiting(time.monotonic())

    def _may_start(self, name: str) -> bool:
        return all(self._met(d) for d in self.assembly.stack.services[name].depends_on)

    def _met(self, dependency: Dependency) -> bool:
        if dependency.service not in self.wanted:
            return not dependency.required
        return self._is(dependency.service, dependency.condition)

    def _is(self, name: str, condition: str) -> bool:
        """Tell whether all replicas are as a condition says."""
        made = self.wanted[name]
        if any(container.name not in self.waiting for container in made):
            return False
        return all(self._one_is(container, condition) for container in made)

    def _one_is(self, container: Container, condition: str) -> bool:
        service = container.service
        once = service.restart == "no" and service.health is None
        if condition == "service_completed_successfully" or once:
            if container.runs():
                return False
            if container.exit_code == 0:
                return True
            raise StackError(
                f"{container.name} ended with exit code {container.exit_code}: {container.tail()}"
            )
        if not container.runs():
            raise StackError(
                f"{container.name} ended with exit code {container.exit_code}: {container.tail()}"
            )
        if condition == "service_started" or container.service.health is None:
            return True
        return self._healthy(container)

    def _healthy(self, container: Container) -> bool:
        state, health = self.waiting[container.name], container.service.health
        assert health is not None
        now = time.monotonic()
        if state.healthy:
            return True
        if state.asking is not None:
            code = state.asking.poll()
            if code is None and now - state.asked > health.timeout:
                state.asking.kill()
                code = state.asking.wait()
            if code is None:
                return False
            state.asking, state.healthy = None, code == 0
            if not state.healthy and now - state.since > health.patience:
                raise StackError(f"{container.name} is unhealthy: {container.tail()}")
        elif now - state.asked >= _ASK_EVERY:
            state.asked, state.asking = now, container.check()
        return state.healthy
