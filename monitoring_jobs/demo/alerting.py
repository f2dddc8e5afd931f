"""Prometheus and the Alertmanager on a laptop: the files of `docker/`, made fit for one machine."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from monitoring_jobs.demo.airflow import get_json
from monitoring_jobs.demo.folder import DemoFolder
from monitoring_jobs.demo.processes import StepFailed
from monitoring_jobs.demo.services import PROJECT, answers

CONFIGURATION = PROJECT / "docker"
_DATA = "data"
_RETENTION = "15d"
# What somebody does should be seen while they look. The intervals of single jobs stay.
_GLOBAL_PACE = re.compile(r"^( {1,3}(?:scrape|evaluation)_(?:interval|timeout):).*$", re.MULTILINE)
_PACE = "5s"
_HURRIED = (
    f"# A copy by `make up` of docker/prometheus/prometheus.yml, with an interval of {_PACE}.\n"
)
_KEPT_AT_HOME = (
    "# A copy by `make up` of docker/alertmanager/alertmanager.yml, with other receivers:\n"
    "# every mail becomes a file in ../mails, and nobody else is told.\n"
)
# What a receiver's own mail says; its addresses and logins stay behind.
_MAIL = ("headers", "html", "text", "send_resolved")


def prometheus_program() -> str | None:
    """Return where Prometheus is installed, if it is."""
    return shutil.which("prometheus")


def alertmanager_program() -> str | None:
    """Return where the Alertmanager is installed, if it is."""
    return shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")


def prometheus_command(program: str, port: int, folder: DemoFolder) -> list[str]:
    """Return the command line, for the demo's folder, of a Prometheus on a loopback port."""
    # Relative: what a path to the folder may hold, a pattern of files would take for a wildcard.
    home = folder.prometheus.relative_to(folder.root)
    return [
        program,
        f"--config.file={home / 'prometheus.yml'}",
        f"--storage.tsdb.path={home / _DATA}",
        f"--storage.tsdb.retention.time={_RETENTION}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--web.external-url=http://127.0.0.1:{port}",
        # Rules lead to Airflow and Grafana by labels whose values are variables.
        "--enable-feature=expand-external-labels",
    ]


def alertmanager_command(program: str, port: int, folder: DemoFolder) -> list[str]:
    """Return the command line, for the demo's folder, of an Alertmanager on a loopback port."""
    home = folder.alertmanager.relative_to(folder.root)
    return [
        program,
        f"--config.file={home / 'alertmanager.yml'}",
        f"--storage.path={home / _DATA}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--web.external-url=http://127.0.0.1:{port}",
        # It would look for others of its kind, and listen on all interfaces for them.
        "--cluster.listen-address=",
    ]


def prepare_prometheus(home: Path, ports: Mapping[str, int]) -> None:
    """Put configuration and rules into a folder that may hold the data of an earlier start.

    Args:
        home: The folder.
        ports: Loopback ports of what is scraped, by the name of the scrape job.
    """
    _copy(CONFIGURATION / "prometheus", home)
    main = home / "prometheus.yml"
    text = _GLOBAL_PACE.sub(rf"\1 {_PACE}", main.read_text(encoding="utf-8"))
    main.write_text(_HURRIED + text, encoding="utf-8")
    targets = home / "targets"
    targets.mkdir()
    for job, port in ports.items():
        found = [{"targets": [f"127.0.0.1:{port}"]}]
        (targets / f"{job}.yml").write_text(yaml.safe_dump(found), encoding="utf-8")


def prepare_alertmanager(home: Path, smarthost: str) -> None:
    """Put configuration and templates into a folder, with a mailbox as the only receiver.

    Args:
        home: The folder.
        smarthost: ``host:port`` of the mailbox.
    """
    _copy(CONFIGURATION / "alertmanager", home)
    main = home / "alertmanager.yml"
    config = _at_home(yaml.safe_load(main.read_bytes()), smarthost)
    main.write_text(_KEPT_AT_HOME + yaml.safe_dump(config, sort_keys=False), encoding="utf-8")


def scrapes(url: str, jobs: Iterable[str]) -> bool:
    """Tell whether Prometheus has read each of its targets, and none of its rules failed.

    Args:
        url: Where Prometheus answers.
        jobs: Names of the scrape jobs that it must have read.

    Raises:
        StepFailed: A rule cannot be evaluated.
    """
    if not answers(f"{url}/-/ready"):
        return False
    try:
        groups = get_json(f"{url}/api/v1/rules")["data"]["groups"]
        targets = get_json(f"{url}/api/v1/targets?state=active")["data"]["activeTargets"]
    except (OSError, ValueError, KeyError):
        return False
    for group in groups:
        for rule in group["rules"]:
            if rule["health"] == "err":
                told = f"rule {rule['name']} of {group['file']} fails: {rule['lastError']}"
                raise StepFailed(f"prometheus: {told}")
    return {target["labels"]["job"] for target in targets if target["health"] == "up"} >= set(jobs)


def _copy(source: Path, home: Path) -> None:
    """Replace all but the data."""
    home.mkdir(exist_ok=True)
    for path in home.iterdir():
        if path.name == _DATA:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    elsewhere = shutil.ignore_patterns("targets", "tests")  # of another deployment, of the rules
    shutil.copytree(source, home, dirs_exist_ok=True, ignore=elsewhere)


def _at_home(config: dict[str, Any], smarthost: str) -> dict[str, Any]:
    """Return a configuration whose receivers send their mails to a mailbox, and nothing else."""
    timeout = {k: v for k, v in config.get("global", {}).items() if k == "resolve_timeout"}
    sender = {
        "smtp_smarthost": smarthost,
        "smtp_from": "alertmanager@localhost",
        "smtp_require_tls": False,
    }
    receivers = [_receiver_at_home(receiver) for receiver in config["receivers"]]
    return {**config, "global": {**timeout, **sender}, "receivers": receivers}


def _receiver_at_home(receiver: Mapping[str, Any]) -> dict[str, Any]:
    name = receiver["name"]
    mails = [
        {"to": f"{name}@localhost", **{key: deepcopy(mail[key]) for key in _MAIL if key in mail}}
        for mail in receiver.get("email_configs", [])
    ]
    return {"name": name, **({"email_configs": mails} if mails else {})}
