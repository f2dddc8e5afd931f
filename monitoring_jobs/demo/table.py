"""The demo's last words: a table per monitor, and where everything lies."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from monitoring_jobs.demo.faults import FAULTS, MONITORS, expected_verdict, faults_on
from monitoring_jobs.demo.folder import DemoFolder
from monitoring_jobs.demo.verdicts import Verdict
from monitoring_jobs.results import Status

_STYLES = {
    Status.OK: "green",
    Status.WARNING: "yellow",
    Status.FAILED: "bold red",
    Status.ERROR: "bold red",
}


def show_verdicts(console: Console, verdicts: Sequence[Verdict], last_day: date) -> None:
    """Print a table per monitor: what was put into each day, and what was found."""
    for monitor in MONITORS:
        table = Table(title=monitor, title_justify="left", title_style="bold")
        table.add_column("Day", no_wrap=True)
        table.add_column("Rows", justify="right", no_wrap=True)
        table.add_column("Verdict", no_wrap=True)
        table.add_column("Put in")
        table.add_column("Found by the monitor")
        for verdict in verdicts:
            if verdict.monitor == monitor:
                table.add_row(*_row(verdict, days_ago(verdict, last_day)))
        console.print(table)
        for fault in FAULTS:
            if fault.monitor == monitor:
                console.print(Text(f"  {fault.name}: {fault.story}", style="dim"))
        console.print()


def unexpected(verdicts: Iterable[Verdict], last_day: date) -> list[str]:
    """Return the windows whose verdict is not the one that their faults deserve, one line each."""
    return [
        f"{verdict.monitor} {verdict.day:%Y-%m-%d}: {verdict.status} instead of {wanted}"
        for verdict in verdicts
        if verdict.status
        is not (wanted := expected_verdict(verdict.monitor, days_ago(verdict, last_day)))
    ]


def days_ago(verdict: Verdict, last_day: date) -> int:
    """Return how many days before the demo's end a window lies; 1 is the last complete day."""
    return (last_day - verdict.day.date()).days + 1


def show_extraction(console: Console, counts: Mapping[str, int]) -> None:
    """Print what was copied from MLflow into Postgres."""
    names = {"params": "parameters", "versions": "model versions", "datasets": "dataset inputs"}
    told = ", ".join(f"{count} {names.get(name, name)}" for name, count in counts.items())
    console.print(f"Extracted from MLflow: {told}.", highlight=False, soft_wrap=True)


def show_places(
    console: Console, folder: DemoFolder, newest: Sequence[Path], gauges: Sequence[str]
) -> None:
    """Print where reports, database, gauges and logs are, and how to look at them again."""
    python = shown_path(sys.executable)
    places = [("Reports", shown_path(path)) for path in newest]
    places.append(("Database", f"{shown_path(folder.postgres)}   (ended; this opens psql on it:)"))
    psql = f"{python} -m monitoring_jobs.demo psql --folder {shlex.quote(shown_path(folder.root))}"
    places.append(("", psql))
    places += [("Gauges", line) for line in gauges]
    places.append(("Monitor files", shown_path(folder.monitors)))
    places.append(("Logs", shown_path(folder.logs)))
    before = ""
    for label, place in places:
        line = Text.assemble((f"{'' if label == before else label:<15}", "bold"), place)
        # A path that is broken over two lines cannot be copied.
        console.print(line, soft_wrap=True)
        before = label


def shown_gauges(folder: DemoFolder, gateway_url: str | None) -> list[str]:
    """Return the lines that say where the gauges are."""
    files = [shown_path(path) for path in sorted(folder.gauges.glob("*.prom"))]
    if gateway_url is None:
        return files
    return [f"{gateway_url} held them until now; a copy:", *files]


def _row(verdict: Verdict, days: int) -> tuple[Text, ...]:
    planted = ", ".join(fault.name for fault in faults_on(verdict.monitor, days))
    reason = verdict.reason
    if not reason and verdict.awaits_labels:
        reason = "no labels yet: performance waits, the rest is in order"
    return (
        Text(f"{verdict.day:%a %Y-%m-%d}"),
        Text(f"{verdict.rows:,}"),
        Text(str(verdict.status), style=_STYLES.get(verdict.status, "cyan")),
        Text(planted or "-", style="" if planted else "dim"),
        Text(reason, style="" if verdict.status is not Status.OK else "dim"),
    )


def shown_path(path: Path | str) -> str:
    """Return a path relative to the current folder where it lies below it."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)
