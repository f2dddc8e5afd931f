"""What a compose file says, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mount:
    """A named volume or a path of the host, and where the service sees it.

    Attributes:
        volume: Name of the volume; empty for a path.
        path: The path of the host; None for a volume.
        target: Where the service sees it.
        read_only: Whether the service may only read it.
    """

    volume: str
    path: Path | None
    target: str
    read_only: bool


@dataclass(frozen=True, slots=True)
class Tmpfs:
    """Memory that is written like a folder: where, with which mode, owner and size."""

    target: str
    mode: str = "1777"
    uid: int | None = None
    gid: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """How a service is asked whether it is well; times are in seconds."""

    test: tuple[str, ...]
    interval: float
    timeout: float
    retries: int
    start_period: float

    @property
    def patience(self) -> float:
        """How long a start may take before the engine calls the service unhealthy."""
        return self.start_period + self.retries * (self.interval + self.timeout)


@dataclass(frozen=True, slots=True)
class Dependency:
    """What a service waits for; one that is not required may be missing, or fail."""

    service: str
    condition: str
    required: bool


@dataclass(frozen=True, slots=True)
class Published:
    """A port of the host that leads to a port of the service."""

    address: str
    host: int
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """All that a compose file says of one service."""

    name: str
    image: str
    user: str
    entrypoint: tuple[str, ...] | None
    command: tuple[str, ...] | None
    environment: Mapping[str, str]
    mounts: tuple[Mount, ...]
    tmpfs: tuple[Tmpfs, ...]
    secrets: Mapping[str, Path]
    networks: tuple[str, ...]
    depends_on: tuple[Dependency, ...]
    health: Health | None
    ports: tuple[Published, ...]
    read_only: bool
    init: bool
    cap_drop: tuple[str, ...]
    security_opt: tuple[str, ...]
    memory: int | None
    restart: str
    grace: float
    working_dir: str
    shm_size: int | None


@dataclass(frozen=True, slots=True)
class Stack:
    """A rendered compose file.

    Attributes:
        name: Name of the project.
        file: The file.
        services: By name.
        internal: Networks by name; whether nothing outside may be reached from them.
    """

    name: str
    file: Path
    services: Mapping[str, Service]
    internal: Mapping[str, bool]
