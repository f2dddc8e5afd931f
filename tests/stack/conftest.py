"""The whole stack, once a module: profiles celery, mail and demo, two workers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.stack.assembly import Assembly
from tests.stack.project import fresh_project, variables
from tests.stack.rendered import render

PROFILES = ("celery", "demo", "mail", "operations")
_BACKFILL = re.compile(r"^backfill_on_first_run:.*\n", re.MULTILINE)


@dataclass(frozen=True)
class Running:
    """A stack in which the demo's models and traffic are.

    Attributes:
        assembly: Its containers.
        settings: What docker/.env says.
    """

    assembly: Assembly
    settings: dict[str, str]

    def url(self, service: str) -> str:
        """Return where a published service answers on this host."""
        return f"http://127.0.0.1:{self.settings[f'{service.upper()}_PORT']}"

    @property
    def reader(self) -> str:
        """The results, for reading."""
        password = self.settings["POSTGRES_MONITORING_READER_PASSWORD"]
        port = self.settings["POSTGRES_PORT"]
        return f"postgresql://monitoring_reader:{password}@127.0.0.1:{port}/monitoring"


# Not for the session: while it runs it takes a quarter of the machine from all other tests.
@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("stack")
    file = fresh_project(
        folder / "project",
        {"AIRFLOW_EXECUTOR": "CeleryExecutor", "MONITORS_FOLDER": "./demo/monitors"},
    )
    newest_day_only(file.parent / "demo" / "monitors")
    assembly = Assembly(render(file, PROFILES), folder / "state", {"airflow-worker": 2})
    try:
        assembly.up(seconds=600)
        yield Running(assembly, variables(file.parent / ".env"))
    finally:
        assembly.down(volumes=True)


def newest_day_only(monitors: Path) -> None:
    """Let the first run of a monitor judge yesterday alone: the week before costs a minute."""
    for monitor in monitors.glob("*.yaml"):
        text = monitor.read_text(encoding="utf-8")
        monitor.write_text(_BACKFILL.sub("", text), encoding="utf-8")
