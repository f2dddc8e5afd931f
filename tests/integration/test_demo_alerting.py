"""Prometheus, the Alertmanager and the mailbox of `make up`, each by itself."""

from __future__ import annotations

import signal
import smtplib
import subprocess
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from io import StringIO
from pathlib import Path

import psutil
import pytest
import yaml
from rich.console import Console

from monitoring_jobs.demo.alerting import (
    CONFIGURATION,
    alertmanager_command,
    alertmanager_program,
    prepare_alertmanager,
    prepare_prometheus,
    prometheus_command,
    scrapes,
)
from monitoring_jobs.demo.folder import DemoFolder, claim, clear
from monitoring_jobs.demo.mailbox import mailbox
from monitoring_jobs.demo.places import show_stack
from monitoring_jobs.demo.ports import free_port
from monitoring_jobs.demo.processes import Processes, StepFailed
from monitoring_jobs.demo.services import answers, environment
from monitoring_jobs.demo.state import Service, State
from tests.fixtures.prometheus import require, wait_until

FAILS = """\
groups:
  - name: broken
    rules:
      - record: broken
        expr: label_replace(vector(1), "a", "$1", "b", "(")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DemoFolder]:
    # A name that would be a pattern of files, and match nothing.
    with claim(tmp_path / "a [demo]*") as home:
        clear(home)
        yield home


def told(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def remove_rules(folder: DemoFolder) -> None:
    for rules in (folder.prometheus / "rules").iterdir():
        rules.unlink()


# --- the mailbox ----------------------------------------------------------------------------------
def test_a_mail_becomes_a_file_and_a_page(tmp_path: Path) -> None:
    mail = EmailMessage()
    mail["Subject"] = "[FIRING:2] DataDriftDetected / wine_quality"
    mail["From"] = mail["To"] = "team@localhost"
    mail.set_content("Drift:\n.75 of the columns\n..\n")
    mail.add_alternative("<p>Größe: .75 of the columns</p>", subtype="html")
    with mailbox(tmp_path / "mails") as address:
        assert address.startswith("127.0.0.1:")
        with smtplib.SMTP(address) as sender:
            for _ in range(2):
                assert sender.send_message(mail) == {}
            assert sender.docmd("VRFY team")[0] == 502
    kept = sorted(path.name.partition("-FIRING")[2] for path in (tmp_path / "mails").iterdir())
    name = "-2-DataDriftDetected-wine_quality"
    assert kept == [f"{name}.eml"] * 2 + [f"{name}.html"] * 2
    for path in (tmp_path / "mails").glob("*.html"):
        assert "Größe: .75 of the columns" in path.read_text(encoding="utf-8")
    for path in (tmp_path / "mails").glob("*.eml"):
        read = message_from_bytes(path.read_bytes(), policy=policy.default).get_body(("plain",))
        assert read is not None
        assert read.get_content().splitlines() == ["Drift:", ".75 of the columns", ".."]


def test_half_a_mail_is_not_kept(tmp_path: Path) -> None:
    with mailbox(tmp_path / "mails") as address, smtplib.SMTP(address) as sender:
        sender.ehlo()
        sender.docmd("DATA")
        sender.send(b"Subject: half\r\n")
        sender.close()
    assert list((tmp_path / "mails").iterdir()) == []


# --- what is deployed, on a laptop ----------------------------------------------------------------
def test_nothing_that_the_alertmanager_sends_leaves_the_machine(folder: DemoFolder) -> None:
    deployed = yaml.safe_load((CONFIGURATION / "alertmanager" / "alertmanager.yml").read_bytes())
    prepare_alertmanager(folder.alertmanager, "127.0.0.1:2525")
    main = folder.alertmanager / "alertmanager.yml"
    assert "SUCCESS" in told("amtool", "check-config", str(main))
    first, second, *_ = main.read_text().splitlines()
    assert "copy by `make up` of docker/alertmanager/alertmanager.yml" in first
    assert "../mails" in second
    config = yaml.safe_load(main.read_bytes())
    assert {key: config[key] for key in ("route", "templates")} == {
        key: deployed[key] for key in ("route", "templates")
    }
    assert config.get("inhibit_rules") == deployed.get("inhibit_rules")
    assert [r["name"] for r in config["receivers"]] == [r["name"] for r in deployed["receivers"]]
    for before, after in zip(deployed["receivers"], config["receivers"], strict=True):
        assert set(after) <= {"name", "email_configs"}
        mails = zip(before.get("email_configs", []), after.get("email_configs", []), strict=True)
        for deployed_mail, mail in mails:
            assert mail["to"] == f"{after['name']}@localhost"
            assert (mail["html"], mail["headers"]) == (
                deployed_mail["html"],
                deployed_mail["headers"],
            )
            assert set(mail) <= {"to", "headers", "html", "text", "send_resolved"}
    assert config["global"]["smtp_smarthost"] == "127.0.0.1:2525"
    assert set(config["global"]) <= {
        "resolve_timeout",
        "smtp_smarthost",
        "smtp_from",
        "smtp_require_tls",
    }


def test_a_later_start_keeps_data_and_replaces_all_else(folder: DemoFolder) -> None:
    home = folder.prometheus
    prepare_prometheus(home, {"pushgateway": 9091, "prometheus": 9090})
    (home / "data").mkdir()
    (home / "data" / "wal").touch()
    (home / "rules" / "removed_since.yml").write_text(FAILS)
    (home / "edited.yml").touch()
    prepare_prometheus(home, {"prometheus": 9090})
    assert (home / "data" / "wal").exists()
    assert not (home / "edited.yml").exists()
    assert [path.name for path in (home / "targets").iterdir()] == ["prometheus.yml"]
    deployed = sorted(path.name for path in (CONFIGURATION / "prometheus" / "rules").iterdir())
    assert sorted(path.name for path in (home / "rules").iterdir()) == deployed
    assert "SUCCESS" in told("promtool", "check", "config", str(home / "prometheus.yml"))
    pace = yaml.safe_load((home / "prometheus.yml").read_bytes())["global"]
    assert (pace["scrape_interval"], pace["evaluation_interval"]) == ("5s", "5s")


def test_a_rule_that_cannot_be_evaluated_is_named_and_all_targets_are_waited_for(
    folder: DemoFolder,
) -> None:
    port, nobody = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    prepare_prometheus(folder.prometheus, {"prometheus": port, "pushgateway": nobody})
    remove_rules(folder)
    main = folder.prometheus / "prometheus.yml"
    main.write_text(main.read_text().replace(" 5s\n", " 200ms\n"))
    with Processes(folder.processes, folder.logs) as processes:
        command = prometheus_command(require("prometheus"), port, folder)
        server = processes.start("prometheus", command, env=environment(), cwd=folder.root)
        wait_until(lambda: scrapes(url, ["prometheus"]), "it scrapes itself", 60)
        assert not scrapes(url, ["prometheus", "pushgateway"])
        (folder.prometheus / "rules" / "broken.yml").write_text(FAILS)
        server.send_signal(signal.SIGHUP)
        with pytest.raises(StepFailed, match=r"rule broken of .*broken\.yml fails: .*regular"):
            wait_until(lambda: scrapes(url, ["pushgateway"]), "an error is told", 60)
    assert not scrapes(url, ["prometheus"])


def test_a_file_that_is_none_is_told_without_the_chatter_before_it(folder: DemoFolder) -> None:
    port = free_port()
    prepare_prometheus(folder.prometheus, {"prometheus": port})
    remove_rules(folder)
    (folder.prometheus / "rules" / "torn.yml").write_text(FAILS[:-20])
    with Processes(folder.processes, folder.logs) as processes:
        command = prometheus_command(require("prometheus"), port, folder)
        server = processes.start("prometheus", command, env=environment(), cwd=folder.root)
        assert server.wait(60) != 0
        tail = processes.failure("prometheus", "ended").tail
    assert "prometheus/rules/torn.yml" in tail
    assert "level=info" not in tail


def test_the_alertmanager_seeks_no_others(folder: DemoFolder) -> None:
    program = alertmanager_program()
    assert program, "apt-get install prometheus-alertmanager"
    port = free_port()
    prepare_alertmanager(folder.alertmanager, "127.0.0.1:2525")
    with Processes(folder.processes, folder.logs) as processes:
        command = alertmanager_command(program, port, folder)
        server = processes.start("alertmanager", command, env=environment(), cwd=folder.root)
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), "it is ready", 60)
        sockets = psutil.Process(server.pid).net_connections("inet")
    assert {(s.laddr.ip, s.laddr.port) for s in sockets if s.status == "LISTEN"} == {
        ("127.0.0.1", port)
    }


# --- what is printed ------------------------------------------------------------------------------
def test_what_is_not_installed_is_named_with_its_package(folder: DemoFolder) -> None:
    state = State.new()
    state.services["airflow-api-server"] = Service(pid=1, log="log", url="http://127.0.0.1:1")
    state.services["pushgateway"] = Service(pid=1, log="log", url="http://127.0.0.1:2")
    output = StringIO()
    show_stack(Console(file=output, width=200), folder, state)
    assert (
        "Not installed here: prometheus, alertmanager;"
        " on Debian, apt-get install prometheus prometheus-alertmanager\n"
    ) in output.getvalue()
    assert "/alerts" not in output.getvalue()
    assert "Mails" not in output.getvalue()
