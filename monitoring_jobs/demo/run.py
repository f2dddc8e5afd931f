"""The demo from beginning to end."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from subprocess import Popen

from rich.console import Console
from rich.progress import TaskID

from monitoring_jobs.database import migrate
from monitoring_jobs.demo import table
from monitoring_jobs.demo.dag_runs import (
    DagProcess,
    airflow_environment,
    require_dags,
    run_dags,
    start_airflow_migration,
)
from monitoring_jobs.demo.display import Display, demo_console, tails_shown
from monitoring_jobs.demo.faults import DIABETES, MONITORS, WINDOWS, WINE
from monitoring_jobs.demo.finished import Finished, airflow_version
from monitoring_jobs.demo.folder import ClaimedFolder, claim, clear
from monitoring_jobs.demo.leftovers import end_all_leftovers
from monitoring_jobs.demo.monitors import write_monitors
from monitoring_jobs.demo.ports import Ports
from monitoring_jobs.demo.postgres import Postgres, postgres
from monitoring_jobs.demo.processes import Processes
from monitoring_jobs.demo.services import (
    PROJECT,
    Pushgateway,
    environment,
    mlflow_server,
    pushgateway,
)
from monitoring_jobs.demo.signals import orderly_end
from monitoring_jobs.demo.verdicts import Verdict, read_extracted, read_verdicts
from monitoring_jobs.errors import TerminalError
from monitoring_jobs.links import DAG_PREFIX
from monitoring_jobs.maintain import maintain
from monitoring_jobs.settings import Settings
from monitoring_jobs.windows import Window

EXTRACT = "extract_mlflow_runs"


def run_demo(folder: Path = Path(".demo")) -> int:
    """Run the whole monitoring day below ``folder`` and print what came of it.

    Whatever an earlier run left there is replaced. Nothing keeps running afterwards, however the
    demo ends; only ``kill -9`` leaves something, which the next run ends.

    Args:
        folder: A new or empty folder, or one that an earlier demo has made.

    Returns:
        0: the verdicts are those that the faults in the traffic deserve.

    Raises:
        MonitoringError: A step failed, or a verdict is wrong.
        SystemExit: The demo was interrupted.
    """
    console = demo_console()
    try:
        with tails_shown(), orderly_end(), claim(folder) as home:
            require_dags()
            run_claimed(home, Display(console), ends_here=True)
    except SystemExit:
        say_interrupted(console)
        raise
    return 0


def run_claimed(home: ClaimedFolder, display: Display, *, ends_here: bool) -> None:
    """Run the whole monitoring day in a folder that is held, and print what came of it.

    Args:
        home: The folder; what is in it is replaced.
        display: Where progress is shown.
        ends_here: Tell where everything lies now. Where `make up` goes on, it does so itself.

    Raises:
        MonitoringError: A step failed, or a verdict is wrong.
    """
    _Demo(home, display, _last_complete_day(datetime.now(UTC)), ends_here).run()


def say_interrupted(console: Console) -> None:
    """Tell that nothing is left of what was interrupted."""
    console.print("[yellow]Interrupted; everything that was started has been ended.[/yellow]")


@dataclass(frozen=True, slots=True)
class _Demo:
    folder: ClaimedFolder
    display: Display
    last_day: date
    ends_here: bool

    @property
    def span(self) -> Window:
        """The windows that are judged."""
        end = datetime.combine(self.last_day, datetime.min.time(), UTC) + timedelta(days=1)
        return Window(end - timedelta(days=WINDOWS), end)

    def run(self) -> None:
        """Start everything, run the jobs, end everything, tell."""
        self._say(f"[bold]Monitoring demo[/bold] in {self.folder.root}")
        end_all_leftovers(self.folder)
        clear(self.folder)
        with ExitStack() as stack:
            stack.enter_context(self.display)
            with self.display.step("embedded Postgres"):
                database = stack.enter_context(postgres(self.folder.postgres))
            # After Postgres, so that whoever is connected to it ends before it does.
            processes = stack.enter_context(Processes(self.folder.processes, self.folder.logs))
            gateway = stack.enter_context(pushgateway(self.folder, processes))
            env = airflow_environment(self.folder, database, gateway)
            migration = start_airflow_migration(processes, env, PROJECT)
            with self.display.step("MLflow server") as told:
                mlflow_url = stack.enter_context(mlflow_server(self.folder, database, processes))
                if self.ends_here:  # make up will have it elsewhere
                    told.append(mlflow_url)
            self._prepare(processes, mlflow_url)
            self._migrate(database, migration, processes)
            # Links in the texts of Dags lead to where `make up` will have MLflow.
            env["MONITORING_MLFLOW_URL"] = f"http://127.0.0.1:{Ports().choose().mlflow}"
            self._run_dags(processes, {**env, "MLFLOW_TRACKING_URI": mlflow_url})
            self._maintain(database)
            verdicts = read_verdicts(database.url("monitoring", "monitoring_reader"), self.span)
            counts = read_extracted(database.url("monitoring", "monitoring_reader"))
            if gateway is not None:
                gateway.save(self.folder.gauges / "pushgateway.prom")
        self._tell(verdicts, counts, gateway)

    def _prepare(self, processes: Processes, mlflow_url: str) -> None:
        """Train and register the models and write two weeks of traffic."""
        env = environment(MLFLOW_TRACKING_URI=mlflow_url)
        module = (sys.executable, "-m", "monitoring_jobs.demo.prepare")
        command = [*module, str(self.folder.traffic), self.last_day.isoformat()]
        with self.display.step("models trained and registered, two weeks of traffic") as told:
            lines = processes.run("prepare", command, env=env, cwd=PROJECT)
            made = [json.loads(line) for line in lines]
            versions = sum(entry.get("versions", 0) for entry in made)
            rows = sum(entry.get("rows", 0) for entry in made)
            told.append(f"{versions} model versions, {rows:,} predictions")
        write_monitors(self.folder.monitors, self.folder.traffic)

    def _migrate(self, database: Postgres, migration: Popen[str], processes: Processes) -> None:
        with self.display.step("databases of Airflow and of the results"):
            migrate(database.url("monitoring"))
            code = migration.wait()
            processes.end(migration)
            if code:
                raise processes.failure("airflow-migrate", f"ended with exit code {code}")

    def _run_dags(self, processes: Processes, env: Mapping[str, str]) -> None:
        """Extract, then judge and publish every window: two processes for two cores."""
        wine, diabetes = DAG_PREFIX + WINE, DAG_PREFIX + DIABETES
        chains = [
            DagProcess("dags-1", (EXTRACT, wine), self.span, env),
            DagProcess("dags-2", (diabetes,), self.span, env),
        ]
        bars = {EXTRACT: self.display.bar(f"Dag {EXTRACT}", 1)}
        bars |= {dag: self.display.bar(f"Dag {dag}", WINDOWS) for dag in (wine, diabetes)}
        began = time.monotonic()
        progress = _DagProgress(self.display, bars)
        run_dags(chains, processes=processes, cwd=PROJECT, on_result=progress.note)
        self.display.remove(*bars.values())
        what = f"{1 + WINDOWS * len(MONITORS)} Dag runs"
        told = f"extraction, then {WINDOWS} days of {len(MONITORS)} models judged and published"
        self.display.done(what, time.monotonic() - began, told)

    def _maintain(self, database: Postgres) -> None:
        """Move the results to partitions by month, as the Dag maintain_store does each night."""
        url = database.url("monitoring", "monitoring_writer")
        reports = str(self.folder.reports)
        settings = Settings.load(database_url=url, report_store=reports, pushgateway_url=None)
        maintain(settings, now=datetime.now(UTC))

    def _tell(
        self, verdicts: Sequence[Verdict], counts: Mapping[str, int], gateway: Pushgateway | None
    ) -> None:
        console = self.display.console
        self._say("")
        table.show_verdicts(console, verdicts, self.last_day)
        table.show_extraction(console, counts)
        self._say("")
        if self.ends_here:
            gauges = table.shown_gauges(self.folder, gateway.url if gateway else None)
            table.show_places(console, self.folder, self._newest_reports(verdicts), gauges)
            self._say("")
        wrong = table.unexpected(verdicts, self.last_day)
        if len(verdicts) != WINDOWS * len(MONITORS):
            wrong.append(f"{len(verdicts)} windows were judged, not {WINDOWS * len(MONITORS)}")
        if wrong:
            raise TerminalError(f"the verdicts are not as planted: {'; '.join(wrong)}")
        Finished(self.last_day, airflow_version()).write(self.folder)
        end = "; nothing is left running" if self.ends_here else ""
        self._say(
            f"[green]Every fault was found and every clean day passed[/green] "
            f"in {self.display.seconds:.0f} s{end}."
        )

    def _newest_reports(self, verdicts: Sequence[Verdict]) -> list[Path]:
        from monitoring_jobs.reports.store import ReportStore

        store = ReportStore.open(str(self.folder.reports))
        newest = {verdict.monitor: verdict for verdict in verdicts}
        return [
            Path(store.location(name, Window(verdict.day, verdict.day + timedelta(days=1))))
            / (verdict.report or "evaluation.json")
            for name, verdict in newest.items()
        ]

    def _say(self, text: str) -> None:
        self.display.console.print(text, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class _DagProgress:
    display: Display
    bars: Mapping[str, TaskID]

    def note(self, dag_id: str, result: Mapping[str, object]) -> None:
        """Show a finished Dag run: on a terminal by its bar, elsewhere by a line."""
        window, seconds = result.get("window"), result.get("seconds")
        day = str(window["start"])[:10] if isinstance(window, Mapping) else ""
        self.display.advance(self.bars[dag_id])
        if not self.display.console.is_terminal or not day:
            took = float(seconds) if isinstance(seconds, int | float) else 0.0
            self.display.done(f"Dag {dag_id} {day}".rstrip(), took)


def _last_complete_day(now: datetime) -> date:
    return now.date() - timedelta(days=1)
