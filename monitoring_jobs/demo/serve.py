"""The supervisor behind `make up`: starts the stack, watches it, and ends it in order.

It writes down in ``up.json`` what runs and how far it is, and is asked to end by SIGTERM.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen
from typing import NoReturn
from urllib.parse import urlsplit

from monitoring_jobs.database import migrate
from monitoring_jobs.demo.alerting import alertmanager_program
from monitoring_jobs.demo.dag_runs import airflow_environment, start_airflow_migration
from monitoring_jobs.demo.finished import airflow_version, read_finished
from monitoring_jobs.demo.folder import DemoFolder, claim
from monitoring_jobs.demo.leftovers import end_all_leftovers
from monitoring_jobs.demo.mailbox import mailbox
from monitoring_jobs.demo.ports import Ports
from monitoring_jobs.demo.postgres import Postgres, postgres, server_process
from monitoring_jobs.demo.processes import Processes, StepFailed, listens
from monitoring_jobs.demo.services import PROJECT
from monitoring_jobs.demo.signals import orderly_end
from monitoring_jobs.demo.stack import Part, addresses, plan
from monitoring_jobs.demo.state import Service, State
from monitoring_jobs.errors import MonitoringError
from monitoring_jobs.sinks.postgres import write_addresses

_START_SECONDS = 240.0
_LOOK_SECONDS = 0.25
_WATCH_SECONDS = 1.0
# Airflow's scheduler tells its workers, and they tell their tasks.
_PATIENCE_SECONDS = 10.0
# Workers whose scheduler was killed heed nobody.
_ORPHANS_PATIENCE_SECONDS = 1.0


def serve(folder: Path, ports: Ports, lock: int | None = None) -> int:
    """Run the stack of a folder until SIGTERM; return 1 where it did not start.

    Args:
        folder: Where a demo has run to its end.
        ports: What to listen on.
        lock: File descriptor by which the parent holds the folder, and now we do.

    Raises:
        UnusableFolder: The folder is in use or cannot be used.
        SystemExit: It was asked to end, and has ended everything.
    """
    with orderly_end(), claim(folder, lock) as home:
        end_all_leftovers(home)
        state = State.new()
        state.write(home)
        try:
            _Supervisor(home, state).run(ports.choose())
        except MonitoringError as exc:
            tail = exc.tail if isinstance(exc, StepFailed) else ""
            state.failure = {"what": str(exc), "tail": tail}
            state.write(home)
            return 1
        except SystemExit:
            home.state.unlink(missing_ok=True)
            raise


class _Supervisor:
    def __init__(self, folder: DemoFolder, state: State) -> None:
        self.folder = folder
        self.state = state
        self.began = time.monotonic()
        self.since = datetime.now(UTC)
        self.running: dict[str, Popen[str]] = {}

    def run(self, ports: Ports) -> NoReturn:
        """Start everything, wait until it is healthy, watch it for ever.

        Raises:
            MonitoringError: Something did not start; all else has been ended.
        """
        with ExitStack() as stack:
            database = stack.enter_context(postgres(self.folder.postgres))
            self._note_postgres(database)
            processes = stack.enter_context(Processes(self.folder.processes, self.folder.logs))
            self._migrate(processes, database)
            write_addresses(self.state.databases["monitoring"], addresses(ports))
            smarthost = None
            if alertmanager_program():
                smarthost = stack.enter_context(mailbox(self.folder.mails))
            parts = plan(self.folder, database, ports, self.since, smarthost)
            # Airflow ends first, while all that its tasks talk to is still there.
            stack.callback(self._end_airflow, processes)
            for part in parts:
                self._launch(processes, part)
            self._wait(processes, parts)
            self._watch()

    def _note_postgres(self, database: Postgres) -> None:
        server = server_process(self.folder.postgres)
        service = Service(pid=server.pid if server else 0, log=str(self.folder.postgres / "log"))
        service.seconds = time.monotonic() - self.began
        self.state.services["postgres"] = service
        self.state.databases = {
            "airflow": database.url("airflow"),
            "monitoring": database.url("monitoring", "monitoring_writer"),
            "reader": database.url("monitoring", "monitoring_reader"),
        }
        self.state.write(self.folder)

    def _migrate(self, processes: Processes, database: Postgres) -> None:
        """Bring the databases of a demo that ran before an upgrade up to date."""
        migrate(database.url("monitoring"))
        demo = read_finished(self.folder)
        if demo and demo.airflow == airflow_version():
            return
        env = airflow_environment(self.folder, database, None)
        migration = start_airflow_migration(processes, env, PROJECT)
        code = migration.wait()
        processes.end(migration)
        if code:
            raise processes.failure("airflow-migrate", f"ended with exit code {code}")
        if demo:
            replace(demo, airflow=airflow_version()).write(self.folder)

    def _launch(self, processes: Processes, part: Part) -> None:
        log = processes.log_of(part.name)
        process = processes.start(part.name, part.command, env=part.env, cwd=self.folder.root)
        self.running[part.name] = process
        self.state.services[part.name] = Service(pid=process.pid, log=str(log), url=part.url)
        self.state.write(self.folder)

    def _wait(self, processes: Processes, parts: Sequence[Part]) -> None:
        pending = list(parts)
        while pending:
            for name, process in self.running.items():
                if (code := process.poll()) is not None:
                    raise processes.failure(name, f"{_ended(code)} while starting")
            for part in list(pending):
                if part.healthy() and self._is_ours(part):
                    pending.remove(part)
                    self.state.services[part.name].seconds = time.monotonic() - self.began
                    self.state.write(self.folder)
            if pending and time.monotonic() - self.began > _START_SECONDS:
                what = f"was not healthy after {_START_SECONDS:.0f} s"
                raise processes.failure(pending[0].name, what)
            time.sleep(_LOOK_SECONDS if pending else 0)
        self.state.ready = True
        self.state.write(self.folder)

    def _is_ours(self, part: Part) -> bool:
        url = part.url
        return url is None or listens(self.running[part.name].pid, urlsplit(url).port)

    def _watch(self) -> NoReturn:
        """Note whatever ends against its will; the rest goes on."""
        while True:
            time.sleep(_WATCH_SECONDS)
            ended = {
                name: _ended(process.returncode)
                for name, process in self.running.items()
                if process.poll() is not None
            }
            if server_process(self.folder.postgres) is None:
                ended["postgres"] = "ended"
            for name, how in ended.items():
                if self.state.services[name].ended is None:
                    self.state.services[name].ended = how
                    self.state.write(self.folder)

    def _end_airflow(self, processes: Processes) -> None:
        members = [p for name, p in self.running.items() if name.startswith("airflow-")]
        orphaned = [process for process in members if process.poll() is not None]
        processes.end(*orphaned, patience=_ORPHANS_PATIENCE_SECONDS)
        alive = [process for process in members if process not in orphaned]
        processes.end(*alive, patience=_PATIENCE_SECONDS)


def _ended(code: int) -> str:
    return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
