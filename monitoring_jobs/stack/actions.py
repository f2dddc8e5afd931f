"""What is done with the stack as a whole."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from monitoring_jobs.backup.writing import output_to
from monitoring_jobs.errors import InvalidSettings
from monitoring_jobs.stack.compose import PROFILES, Compose, Container
from monitoring_jobs.stack.places import require_ports

WORKER = "airflow-worker"
MLFLOW = "mlflow"
# Who starts tasks; they end before a migration, and before the tables under them are replaced.
SCHEDULING = (
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
    WORKER,
)
# Who else writes to what a restore replaces.
_WRITING = (*SCHEDULING, "airflow-api-server", MLFLOW)
# MLflow changes its tables only when told to; the address stays in the container's environment.
_MIGRATE_MLFLOW = ("mlflow", "sh", "-c", 'mlflow db upgrade "$MLFLOW_BACKEND_STORE_URI"')
_PROFILE_OF = {WORKER: "celery", "redis": "celery", "mailpit": "mail"}
_DEMO_MONITORS = "./demo/monitors"
_EXECUTOR = "AIRFLOW_EXECUTOR"


@dataclass(frozen=True, slots=True)
class Shape:
    """What a stack is made of.

    Attributes:
        profiles: Beside the services that always run.
        workers: How many run tasks; 0 where the scheduler does.
        variables: Of Compose's environment.
    """

    profiles: frozenset[str] = frozenset()
    workers: int = 0
    variables: dict[str, str] = field(default_factory=dict)

    @classmethod
    def asked(cls, *, celery: bool, workers: int, mail: bool, demo: bool) -> Shape:
        """Return what somebody asked for."""
        chosen = {"celery": celery, "mail": mail, "demo": demo}
        variables = {_EXECUTOR: "CeleryExecutor"} if celery else {}
        if demo:
            variables["MONITORS_FOLDER"] = _DEMO_MONITORS
        profiles = frozenset(name for name, wanted in chosen.items() if wanted)
        return cls(profiles, workers if celery else 0, variables)

    @classmethod
    def found(cls, containers: Sequence[Container]) -> Shape:
        """Return what a stack that is there is made of."""
        services = [one.service for one in containers]
        profiles = {_PROFILE_OF[name] for name in services if name in _PROFILE_OF}
        asked = cls.asked(
            celery="celery" in profiles,
            workers=services.count(WORKER),
            mail="mail" in profiles,
            demo=False,
        )
        # Monitors of the demo stay, but its models are not trained again.
        folder = {"MONITORS_FOLDER": _DEMO_MONITORS} if "demo" in services else {}
        return cls(asked.profiles, asked.workers, {**asked.variables, **folder})

    def options(self) -> list[str]:
        """Return what stands before Compose's verb."""
        return [word for name in sorted(self.profiles) for word in ("--profile", name)]

    def up(self) -> list[str]:
        """Return how Compose starts it all and waits until each is healthy."""
        scale = ["--scale", f"{WORKER}={self.workers}"] if self.workers else []
        return [*self.options(), "up", "-d", "--wait", *scale]


def up(compose: Compose, shape: Shape) -> None:
    """Start the stack, or bring what runs up to date; return when every service is healthy.

    Raises:
        PortTaken: Something else listens on a port.
        StackFailed: A service did not become healthy.
    """
    require_ports(compose.environment, compose.containers(), shape.profiles)
    compose.show(*shape.up(), more=shape.variables)


def down(compose: Compose, *, volumes: bool = False) -> None:
    """End the stack; with ``volumes`` all that it has stored is gone too."""
    everything = Shape(frozenset(PROFILES)).options()
    forgotten = ["--volumes"] if volumes else []
    compose.show(*everything, "down", "--remove-orphans", *forgotten)


def backup(compose: Compose, target: str) -> None:
    """Write databases and stores of the stack into a file of this host, or to standard output.

    Raises:
        BackupFailed: The file cannot be written.
        InvalidSettings: Standard output is a terminal.
        StackFailed: The backup failed; no file is left.
    """
    words = ["run", "--rm", "-T", "operations", "backup", "-"]
    with output_to(target) as output:
        compose.show(*words, target=output)


def restore(compose: Compose, source: str, *, replace: bool, only: Sequence[str]) -> None:
    """Put databases and stores back, while nothing writes to them.

    Raises:
        InvalidSettings: There is no such file.
        StackFailed: The restore failed; what was stopped runs again.
    """
    words = ["run", "--rm", "-T", "operations", "restore", "-"]
    words += ["--replace"] if replace else []
    words += [word for name in only for word in ("--only", name)]
    try:
        archive = Path(source).open("rb")  # noqa: SIM115 - closed below
    except OSError as exc:
        raise InvalidSettings(f"{source} cannot be read: {exc.strerror}", "check the name") from exc
    with archive, stopped(compose, _WRITING):
        compose.show(*words, source=archive)


def upgrade(compose: Compose, *, pull: bool) -> None:
    """Bring a running stack to the version of this clone: build, stop jobs, migrate, start.

    Each step may be repeated: what was ended in between is finished by doing it again.

    Raises:
        StackFailed: A step failed; where it was the migration, nothing has changed in the database.
    """
    containers = compose.containers()
    shape = Shape.found(containers)
    if pull:
        compose.show(*shape.options(), "pull", "--ignore-buildable")
    compose.show(*shape.options(), "build")
    if running := _running(containers, (*SCHEDULING, MLFLOW)):
        compose.show("stop", *running)
    compose.show("run", "--rm", "-T", "airflow-init")
    if any(one.service == MLFLOW for one in containers):
        compose.show("run", "--rm", "-T", *_MIGRATE_MLFLOW)
    compose.show(*shape.up(), more=shape.variables)


@contextmanager
def stopped(compose: Compose, services: Sequence[str]) -> Iterator[None]:
    """Stop services for a while; those that ran are started again, whatever happens meanwhile."""
    running = _running(compose.containers(), services)
    try:
        if running:
            compose.show("stop", *running)
        yield
    finally:
        if running:
            compose.show("start", *running)


def _running(containers: Sequence[Container], services: Sequence[str]) -> list[str]:
    there = {one.service for one in containers if one.state == "running"}
    return [name for name in services if name in there]
