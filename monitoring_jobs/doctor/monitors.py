"""The monitor files: each can be used, and what it refers to is configured."""

from __future__ import annotations

from monitoring_jobs.doctor.circumstances import Circumstances
from monitoring_jobs.doctor.findings import Chart, Findings, listed
from monitoring_jobs.spec import MonitorSpec, SqlSource

_MOST_PROBLEMS = 20


def examine_monitors(case: Circumstances) -> Findings:
    """Yield every problem of every monitor file, and connections that nothing explains."""
    chart = Chart("monitors")
    folder = case.settings.monitors
    if not folder.is_dir():
        yield chart.failed("files", f"{folder} is no folder", "set MONITORING_MONITORS")
        return
    files = case.monitor_files
    problems = [problem for file in files for problem in file.problems]
    for problem in problems[:_MOST_PROBLEMS]:
        what, _, cure = problem.rpartition("; ")
        yield chart.failed("files", what or problem, (what and cure) or "mend the file")
    if len(problems) > _MOST_PROBLEMS:
        yield chart.failed(
            "files",
            f"{len(problems) - _MOST_PROBLEMS:,} more problems",
            f"run monitoring-jobs validate {folder}",
        )
    if not files:
        yield chart.warning(
            "files", f"{folder} holds no monitor file", "add one, see docs/monitor-file.md"
        )
    elif not problems:
        yield chart.ok("files", f"all {len(files):,} files of {folder} can be used")
    yield from _connections(case)


def _connections(case: Circumstances) -> Findings:
    """Yield connections that the environment does not name; Airflow's own are asked for there."""
    chart = Chart("monitors")
    if asks_airflow(case):
        return
    for name, monitors in unknown_connections(case).items():
        yield chart.warning(
            "connections",
            f"connection {name!r} of {listed(monitors)} is not in the environment",
            f"set MONITORING_CONNECTION_{name.upper()}, or see that Airflow has it",
        )


def asks_airflow(case: Circumstances) -> bool:
    """Say whether Airflow can be asked for its connections."""
    settings = case.settings
    return None not in (settings.airflow_api, settings.airflow_user, settings.airflow_password)


def unknown_connections(case: Circumstances) -> dict[str, list[str]]:
    """Return the connections that monitors name and the environment does not, with the monitors."""
    unknown: dict[str, list[str]] = {}
    for spec in case.monitors:
        for name in _named(spec):
            if name.lower() not in case.settings.connections:
                unknown.setdefault(name, []).append(spec.name)
    return unknown


def _named(spec: MonitorSpec) -> set[str]:
    sources = (spec.data, spec.reference)
    return {source.connection for source in sources if isinstance(source, SqlSource)}
