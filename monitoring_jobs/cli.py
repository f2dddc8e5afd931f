"""The command ``monitoring-jobs``: the three jobs, and what surrounds them, without Airflow.

Nothing heavy is imported before a command needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from monitoring_jobs.by_hand import (
    evaluate_or_record,
    newest_folders,
    places,
    publish_with_report,
    read_evaluation,
    require_sinks,
    require_store,
    require_stores,
    shown,
)
from monitoring_jobs.commands.backup import backup, restore
from monitoring_jobs.commands.doctor import doctor
from monitoring_jobs.commands.stack import app as stack
from monitoring_jobs.console import (
    complain,
    plain,
    progress,
    show_evaluation,
    show_evaluations,
    show_summary,
)
from monitoring_jobs.errors import InvalidSettings, MissingDependency, MonitoringError
from monitoring_jobs.exits import ALERTED, DONE, FAILED, MISUSED, explain, prepare
from monitoring_jobs.parts import MOST_PARTS
from monitoring_jobs.results import Evaluation, Status

if TYPE_CHECKING:
    from monitoring_jobs.settings import Settings
    from monitoring_jobs.spec import MonitorSpec

app = typer.Typer(
    name="monitoring-jobs",
    help="Batch monitoring of MLflow models: extract, evaluate, publish.",
    epilog="Exit codes: 0 done, 1 failed, 2 bad usage or bad file, 3 verdict reached --fail-on.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class FailOn(StrEnum):
    """The mildest verdict that becomes exit code 3."""

    WARNING = "warning"
    FAILED = "failed"


MonitorPath = Annotated[Path, typer.Argument(metavar="MONITOR.yaml", help="The monitor file.")]
Start = Annotated[
    str | None,
    typer.Option(
        metavar="ISO",
        help="First instant of the window. Without an offset: in the monitor's time zone.",
    ),
]
End = Annotated[str | None, typer.Option(metavar="ISO", help="First instant after the window.")]
NoReport = Annotated[bool, typer.Option("--no-report", help="Render no HTML report.")]
FailOnOption = Annotated[
    FailOn | None, typer.Option("--fail-on", help="Exit with 3 on this verdict or a worse one.")
]


def _show_version(asked: bool) -> None:
    if asked:
        from monitoring_jobs import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show logs and tracebacks. May stand anywhere.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    # main() takes --debug out before anything is parsed; here both are declared for --help.
    del debug, version


# --- monitor files, metrics, settings ------------------------------------------------------------
@app.command()
def validate(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files or folders.")],
) -> None:
    """Judge monitor files; every error of every file is listed."""
    from monitoring_jobs.monitor_files import load_files

    files = load_files(paths)
    for file in files:
        for problem in file.problems:
            complain(problem)
        if file.spec is not None:
            typer.echo(f"{plain(file.path)}: ok, monitor {file.spec.name}")
    if not files:
        raise InvalidSettings(
            f"{', '.join(map(str, paths))}: no monitor file there", "name a .yaml file"
        )
    if any(file.problems for file in files):
        raise typer.Exit(MISUSED)


@app.command()
def schema() -> None:
    """Print the JSON Schema of monitor files, for editors."""
    import json

    from monitoring_jobs.spec import json_schema

    typer.echo(json.dumps(json_schema(), indent=2))


@app.command()
def metrics() -> None:
    """Print the page of all metrics that are pushed to Prometheus, in Markdown."""
    from monitoring_jobs.metrics import metrics_page

    typer.echo(metrics_page())


@app.command("settings")
def show_settings() -> None:
    """Print the tables of all variables that are read from the environment, in Markdown."""
    from monitoring_jobs.commands.configuration import settings_tables

    typer.echo(settings_tables())


# --- the three jobs -------------------------------------------------------------------------------
@app.command()
def extract(
    since: Annotated[
        str | None, typer.Option(metavar="ISO", help="Read runs that ended since; UTC.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Read everything again.")] = False,
) -> None:
    """Copy runs and registry state of MLflow to Postgres."""
    from monitoring_jobs.arguments import instant
    from monitoring_jobs.extract import extract_runs

    started = None if since is None else instant("--since", since, UTC)
    settings = _settings()
    with progress("runs") as report:
        summary = extract_runs(
            settings,
            since=started,
            full=full,
            progress=lambda done, total: report(done, total, ""),
        )
    show_summary(summary)


@app.command()
def evaluate(
    monitor: MonitorPath,
    start: Start = None,
    end: End = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write here instead of the report store."),
    ] = None,
    no_report: NoReport = False,
    fail_on: FailOnOption = None,
    part: Annotated[
        str | None,
        typer.Option(metavar="K/N", help="Judge the Kth of N groups of columns and keep the part."),
    ] = None,
    join: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=MOST_PARTS, help="Join N parts to the evaluation."),
    ] = None,
) -> None:
    """Judge one window of a monitor; without --start and --end the last complete one."""
    from monitoring_jobs.arguments import window
    from monitoring_jobs.evaluate import evaluate as evaluate_window

    if part is not None:
        if join is not None or out is not None or fail_on is not None:
            raise typer.BadParameter("--part gives no verdict; --out and --fail-on go with --join")
        _evaluate_part(monitor, start, end, part)
        return
    spec, settings = _load(monitor), _settings()
    if out is None or join is not None:
        require_store(settings)  # before the work, not after it
    with progress(spec.name) as report:
        evaluation = evaluate_window(
            spec,
            window(spec, start, end),
            settings,
            out=out,
            report=False if no_report else None,
            progress=report,
            join=join,
        )
    show_evaluation(evaluation, places(evaluation, settings, out))
    _exit_on([evaluation], fail_on)


def _evaluate_part(monitor: Path, start: str | None, end: str | None, part: str) -> None:
    from monitoring_jobs.arguments import group, window
    from monitoring_jobs.split import evaluate_part

    wanted = group("--part", part)
    spec, settings = _load(monitor), _settings()
    require_store(settings)
    span = window(spec, start, end)
    with progress(spec.name) as report:
        kept = evaluate_part(spec, span, settings, wanted, progress=report)
    columns = wanted.of(kept.basis.columns)
    typer.echo(f"{plain(spec.name)}  {span}  part {wanted}: {len(columns)} columns")


@app.command()
def publish(
    folders: Annotated[
        list[str] | None,
        typer.Argument(metavar="EVALUATION_DIR...", help="Folders or URLs of evaluations."),
    ] = None,
    sink: Annotated[
        list[str] | None,
        typer.Option(help="Only this sink: postgres, pushgateway, webhook, mlflow. Repeatable."),
    ] = None,
    latest: Annotated[
        bool, typer.Option("--latest", help="The newest evaluation of every monitor in the store.")
    ] = False,
) -> None:
    """Write stored evaluations to Postgres, the gauges and the optional sinks."""
    if bool(folders) == latest:
        raise typer.BadParameter("give EVALUATION_DIR... or --latest")
    require_sinks(sink)
    settings = _settings()
    require_store(settings)
    failures = 0
    for folder in newest_folders(settings) if latest else folders or []:
        try:
            evaluation = read_evaluation(folder)
            outcomes = publish_with_report(evaluation, settings, sinks=sink, folder=folder)
            for name, outcome in outcomes.items():
                typer.echo(f"{plain(evaluation.monitor)} {evaluation.window} {name}: {outcome}")
        except InvalidSettings:
            raise
        except MonitoringError as exc:
            failures += 1
            complain(f"{shown(folder)}: {exc}")
    if failures:
        raise typer.Exit(FAILED)


@app.command()
def run(
    monitor: MonitorPath,
    start: Start = None,
    end: End = None,
    no_report: NoReport = False,
    fail_on: FailOnOption = None,
) -> None:
    """Evaluate and publish one window; without --start and --end the last complete one."""
    from monitoring_jobs.arguments import window

    spec, settings = _load(monitor), _settings()
    require_stores(settings)  # before the work, not after it
    with progress(spec.name) as report:
        evaluation = evaluate_or_record(
            spec, window(spec, start, end), settings, no_report=no_report, report=report
        )
    show_evaluation(evaluation, places(evaluation, settings))
    for sink, outcome in publish_with_report(evaluation, settings).items():
        typer.echo(f"{sink}: {outcome}")
    _exit_on([evaluation], fail_on)


@app.command()
def backfill(
    monitor: MonitorPath,
    start: Annotated[str, typer.Option(metavar="ISO", help="Start of the first window.")],
    end: Annotated[
        str, typer.Option(metavar="ISO", help="No window ends later, nor later than now.")
    ],
    every: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Cut by 1d, 6h, ... instead of by the schedule."),
    ] = None,
    no_report: NoReport = False,
    fail_on: FailOnOption = None,
) -> None:
    """Evaluate and publish every window of a period, oldest first; one that fails stops none."""
    from monitoring_jobs.arguments import windows as windows_of

    spec, settings = _load(monitor), _settings()
    require_stores(settings)
    windows = windows_of(spec, start, end, every)
    done: list[Evaluation] = []
    failures = 0
    with progress(spec.name) as report:
        for number, window in enumerate(windows):
            report(number, len(windows), str(window))
            try:
                done.append(evaluate_or_record(spec, window, settings, no_report=no_report))
                publish_with_report(done[-1], settings)
            except InvalidSettings:
                raise
            except MonitoringError as exc:
                failures += 1
                complain(f"{window}: {exc}")
    if done:
        show_evaluations(done)
    typer.echo(f"{len(done)} of {len(windows)} windows evaluated")
    if failures:
        raise typer.Exit(FAILED)
    _exit_on(done, fail_on)


# --- the database and the rest --------------------------------------------------------------------
@app.command()
def migrate() -> None:
    """Bring the results database to the schema of this version; safe to run twice at once."""
    from monitoring_jobs.database import migrate as migrate_database
    from monitoring_jobs.maintain import create_partitions

    url = _settings().require_database_url()
    revision = migrate_database(url)
    create_partitions(url, now=datetime.now(UTC))  # the first windows need not wait for the night
    typer.echo(f"the results database is at revision {revision}")


@app.command()
def maintain(
    retention: Annotated[
        str | None,
        typer.Option(metavar="DURATION", help="Forget evaluations older than 400d, in months."),
    ] = None,
    report_retention: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Forget reports older than 30d.")
    ] = None,
) -> None:
    """Keep the stores in shape: partitions, retention, gauges of removed monitors, orphans."""
    from monitoring_jobs.arguments import length
    from monitoring_jobs.maintain import maintain as maintain_stores
    from monitoring_jobs.monitor_files import known_monitors

    settings = _settings()
    summary = maintain_stores(
        settings,
        now=datetime.now(UTC),
        monitors=known_monitors(settings.monitors),
        retention=length("--retention", retention),
        report_retention=length("--report-retention", report_retention),
    )
    show_summary(summary)


app.command()(backup)
app.command()(restore)
app.add_typer(stack)
app.command()(doctor)


@app.command()
def demo(
    folder: Annotated[Path, typer.Option(help="Where everything is put.")] = Path(".demo"),
) -> None:
    """Run a monitoring fortnight on this machine: real services, models with known faults."""
    try:
        from monitoring_jobs.demo.run import run_demo
    except ModuleNotFoundError as exc:
        raise MissingDependency(
            f"the demo needs {exc.name}, which is not installed",
            "install monitoring-jobs[demo], or type make demo in a clone",
        ) from exc
    raise typer.Exit(run_demo(folder))


# --- arguments, errors and exit codes -----
def _load(path: Path) -> MonitorSpec:
    from monitoring_jobs.monitor_files import load_monitor

    return load_monitor(path)


def _settings() -> Settings:
    from monitoring_jobs.settings import Settings

    return Settings.load()


def _exit_on(evaluations: Sequence[Evaluation], fail_on: FailOn | None) -> None:
    if fail_on is None:
        return
    limit = Status(fail_on).severity
    if any(evaluation.status.severity >= limit for evaluation in evaluations):
        raise typer.Exit(ALERTED)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit: every error on purpose is one line, none is a traceback."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    prepare(debug=debug)
    sys.exit(_run([word for word in words if word != "--debug"], debug=debug))


def _run(words: Sequence[str], *, debug: bool) -> int:
    try:
        outcome = app(args=words, prog_name="monitoring-jobs", standalone_mode=False)
    except Exception as exc:  # noqa: BLE001 - the last boundary: a person reads a line, not a stack
        if debug:
            traceback.print_exc()
        return explain(exc)
    return outcome if isinstance(outcome, int) else DONE
