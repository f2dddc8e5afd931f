"""Where the pages of a running stack are, who may open them, and how to end it."""

from __future__ import annotations

import shlex
import sys

from rich.console import Console
from rich.text import Text

from monitoring_jobs.demo.airflow import API_SERVER, USER, keep_secrets
from monitoring_jobs.demo.finished import read_finished
from monitoring_jobs.demo.folder import DemoFolder
from monitoring_jobs.demo.state import State
from monitoring_jobs.demo.table import shown_path

# What a laptop may lack, and the Debian package that gives it.
_PACKAGES = {
    "pushgateway": "prometheus-pushgateway",
    "prometheus": "prometheus",
    "alertmanager": "prometheus-alertmanager",
}
# The plugin's page inside Airflow's own frame.
MONITORING_PAGE = "plugin/monitoring/monitoring/"


def show_stack(console: Console, folder: DemoFolder, state: State) -> None:
    """Print the table of pages, the login and the logs; last, what to open and how to end it."""
    found = rows(folder, state)
    width = max(len(label) for label, _ in found) + 2
    console.print()
    for label, place in found:
        # A line that is broken over two cannot be copied.
        console.print(Text.assemble((label.ljust(width), "bold"), place), soft_wrap=True)
    if packages := _missing(state):
        cure = f"on Debian, apt-get install {' '.join(packages.values())}"
        console.print(f"\nNot installed here: {', '.join(packages)}; {cure}", soft_wrap=True)
    usual = shown_path(folder.root) == ".demo"
    end = "make down" if usual else f"{_command()} down{_where(folder)}"
    console.print()
    parts = ("Open ", (found[0][1], "bold"), f" and log in as {USER}; ", (end, "bold"))
    console.print(Text.assemble(*parts, " ends it all."), soft_wrap=True)


def rows(folder: DemoFolder, state: State) -> list[tuple[str, str]]:
    """Return labels and places, in the order in which they are wanted."""
    urls = {name: service.url for name, service in state.services.items() if service.url}
    airflow = urls.get(API_SERVER, "")
    where = "" if shown_path(folder.root) == ".demo" else _where(folder)
    demo = read_finished(folder)
    found = [
        ("Monitors", f"{airflow}/{MONITORING_PAGE}"),
        ("Airflow", airflow),
        ("User", USER),
        ("Password", keep_secrets(folder).password),
        ("MLflow", urls.get("mlflow", "")),
        ("Alerts", f"{urls['prometheus']}/alerts" if "prometheus" in urls else ""),
        ("Prometheus", urls.get("prometheus", "")),
        ("Alertmanager", urls.get("alertmanager", "")),
        ("Mails", f"{shown_path(folder.mails)}   (sent nowhere)" if "alertmanager" in urls else ""),
        ("Pushgateway", urls.get("pushgateway", "")),
        ("Database", f"{_command()} psql{where}"),
        ("Monitor files", shown_path(folder.monitors)),
        ("Logs", f"{shown_path(folder.logs)}   (of tasks: {shown_path(folder.airflow / 'logs')})"),
        ("Traffic", f"until {demo.last_day:%A %Y-%m-%d}" if demo else ""),
    ]
    return [(label, place) for label, place in found if place]


def _missing(state: State) -> dict[str, str]:
    """Return what is not installed here, and the packages."""
    return {name: package for name, package in _PACKAGES.items() if name not in state.services}


def _command() -> str:
    return shlex.join([shown_path(sys.executable), "-m", "monitoring_jobs.demo"])


def _where(folder: DemoFolder) -> str:
    return f" --folder {shlex.quote(shown_path(folder.root))}"
