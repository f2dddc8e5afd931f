"""Somebody hears of a job that has failed: by mail and Slack, beside the gauge and not instead."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dags.conftest import Airflow, end_of_day, write_monitor, write_traffic
from tests.fixtures.http_server import RecordingServer, recording_server
from tests.fixtures.mail_server import MailServer, connection_to, mail_server, silent_server
from tests.fixtures.pushgateway import scrape

NOTICE: dict[str, Any] = {"subject": "wine failed", "summary": "It failed.", "facts": {}}
NOWHERE = 1  # a port on which nobody listens


@pytest.fixture
def mail(airflow: Airflow) -> Iterator[MailServer]:
    """A mail server that Airflow is to use."""
    with mail_server() as server:
        airflow.env |= {
            "MONITORING_NOTIFY_EMAIL": "ops@example.com, Data.Team@example.org",
            "AIRFLOW_CONN_SMTP_DEFAULT": server.connection,
            "AIRFLOW__API__BASE_URL": "https://airflow.example.com/team",
        }
        yield server


@pytest.fixture
def slack(airflow: Airflow) -> Iterator[RecordingServer]:
    """A receiver of Slack's webhook that Airflow is to use."""
    with recording_server() as server:
        server.answer(200, body=b"ok")
        airflow.env |= {
            "MONITORING_NOTIFY_SLACK": "team_slack",
            "AIRFLOW_CONN_TEAM_SLACK": json.dumps(
                {"conn_type": "slackwebhook", "password": f"{server.url}/services/canary-slack"}
            ),
        }
        yield server


@pytest.fixture
def failing(services: Airflow, monitors: Path) -> Airflow:
    """Airflow with a monitor whose reference is missing."""
    write_traffic(monitors)
    write_monitor(monitors, "wine", owner="owner@example.com")
    (monitors / "reference.parquet").unlink()
    return services


def failed_at(url: str) -> float | None:
    found = [
        value
        for (name, _), value in scrape(url).items()
        if name == "monitoring_last_failure_timestamp_seconds"
    ]
    return found[0] if found else None


def test_mail_says_what_failed_why_and_where_to_look(
    failing: Airflow, mail: MailServer, pushgateway_url: str
) -> None:
    answer = failing.run("monitor__wine", end_of_day(0))
    assert answer.result["state"] == "failed"
    (message,) = mail.messages
    assert message["Subject"] == (
        "[monitoring] wine: evaluate failed, 2026-11-01 00:00 to 2026-11-02 00:00 UTC"
    )
    assert message["From"] == "airflow@example.com"
    assert message["To"] == "ops@example.com, Data.Team@example.org"
    assert message["Date"]
    assert message["Message-ID"]
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "text/plain"
    lines = message.get_content().splitlines()
    assert lines[0] == "The task evaluate of monitor wine has failed and is not tried again."
    facts = dict(line.split("  ", 1) for line in lines[2:] if line)
    facts = {label: text.strip() for label, text in facts.items()}
    assert "reference.parquet" in facts["Error"]
    assert facts["Window"] == "2026-11-01 00:00 to 2026-11-02 00:00 UTC"
    base = "https://airflow.example.com/team"
    assert facts["Run"].startswith(f"{base}/dags/monitor__wine/runs/manual__2026-11-02")
    assert facts["Log"].startswith(f"{base}/dags/monitor__wine/runs/")
    assert facts["Report"] == (
        f"{base}/plugin/monitoring/team/monitoring/evaluations/"
        "wine--20261101T000000Z--20261102T000000Z"
    )
    assert facts["Owner"] == "owner@example.com"
    assert mail.recipients == [["ops@example.com", "Data.Team@example.org"]]
    assert failed_at(pushgateway_url) is not None


def test_slack_gets_the_same_words(failing: Airflow, slack: RecordingServer) -> None:
    failing.run("monitor__wine", end_of_day(0))
    (request,) = slack.requests
    assert request.path == "/services/canary-slack"
    payload = json.loads(request.body)
    assert payload["unfurl_links"] is False
    assert payload["text"].startswith("*[monitoring] wine: evaluate failed, 2026-11-01 00:00")
    assert "reference.parquet" in payload["text"]


def test_mail_server_that_is_down_keeps_neither_slack_nor_the_gauge_from_being_told(
    failing: Airflow, mail: MailServer, slack: RecordingServer, pushgateway_url: str
) -> None:
    failing.env["AIRFLOW_CONN_SMTP_DEFAULT"] = connection_to(NOWHERE)
    answer = failing.run("monitor__wine", end_of_day(0))
    assert "mail: not sent, ConnectionRefusedError; check its connection" in answer.log
    assert len(slack.requests) == 1
    assert failed_at(pushgateway_url) is not None
    assert mail.messages == []


def test_gateway_that_is_down_does_not_keep_the_mail_from_being_sent(
    failing: Airflow, mail: MailServer
) -> None:
    failing.env["PUSHGATEWAY_URL"] = f"http://127.0.0.1:{NOWHERE}"
    failing.run("monitor__wine", end_of_day(0))
    assert len(mail.messages) == 1


def test_task_that_is_tried_again_is_told_of_once(
    services: Airflow, monitors: Path, mail: MailServer
) -> None:
    write_traffic(monitors)
    write_monitor(monitors, "wine")
    services.env["MONITORING_DATABASE_URL"] = f"postgresql://u@127.0.0.1:{NOWHERE}/x"
    answer = services.run("monitor__wine", end_of_day(0), retries=1)
    assert answer.result["tries"]["write_postgres"] == 2
    (message,) = mail.messages
    assert "wine: write_postgres failed" in message["Subject"]


@pytest.mark.parametrize("more", [{}, {"start": "2026-11-01T00:00:00Z"}, {"repot": "never"}])
def test_draft_that_fails_is_told_to_nobody(
    failing: Airflow, mail: MailServer, more: dict[str, str]
) -> None:
    answer = failing.run("monitor__wine", end_of_day(0), conf={"publish": False, **more})
    assert answer.result["state"] == "failed"
    assert mail.messages == []


def test_form_that_cannot_be_obeyed_is_told_to_who_filled_it_in_only(
    failing: Airflow, mail: MailServer
) -> None:
    answer = failing.run("monitor__wine", end_of_day(0), conf={"repot": "never"})
    assert answer.result["state"] == "failed"
    assert mail.messages == []


def test_other_dags_tell_of_their_failures_too(airflow: Airflow, mail: MailServer) -> None:
    monitors = Path(airflow.env["MONITORING_MONITORS"])
    (monitors / "sour.yaml").write_text("name: sour\nschedul: x\n", encoding="utf-8")
    airflow.run("monitor__sour", end_of_day(0))
    (message,) = mail.messages
    assert message["Subject"] == "[monitoring] monitor__sour: read_monitor_file failed"
    assert "schedul: unknown key" in " ".join(message.get_content().split())


def test_owner_hears_too_where_that_is_asked_for(failing: Airflow, mail: MailServer) -> None:
    failing.env["MONITORING_NOTIFY_OWNER"] = "true"
    failing.run("monitor__wine", end_of_day(0))
    assert mail.recipients[0][-1] == "owner@example.com"
    assert len(mail.recipients[0]) == 3


@pytest.mark.parametrize(
    "owner", ["the wine team", "a@b, c@d", "a@example.com\nBcc: b@example.com"]
)
def test_owner_that_is_no_address_gets_no_mail(
    airflow: Airflow, mail: MailServer, owner: str
) -> None:
    airflow.env["MONITORING_NOTIFY_OWNER"] = "on"
    airflow.call("tell", **NOTICE, owner=owner)
    assert mail.recipients == [["ops@example.com", "Data.Team@example.org"]]


def test_texts_are_data_no_headers_no_templates_no_markup(
    airflow: Airflow, mail: MailServer, slack: RecordingServer
) -> None:
    airflow.call(
        "tell",
        subject="wine é\r\nBcc: eve@example.com",
        summary="<!channel> {{ 7 * 7 }}",
        facts={"Error": "column 'a\n\nb' <https://eve.example|here> & naïve", "Empty": ""},
    )
    (message,) = mail.messages
    assert message["Subject"] == "wine é Bcc: eve@example.com"
    assert message["Bcc"] is None
    assert message.get_content().splitlines() == [
        "<!channel> {{ 7 * 7 }}",
        "",
        "Error  column 'a b' <https://eve.example|here> & naïve",
    ]
    text = json.loads(slack.requests[0].body)["text"]
    assert "&lt;!channel&gt; {{ 7 * 7 }}" in text
    assert "&lt;https://eve.example|here&gt; &amp; naïve" in text


def test_server_that_does_not_answer_is_given_up(airflow: Airflow, mail: MailServer) -> None:
    with silent_server() as port:
        airflow.env["AIRFLOW_CONN_SMTP_DEFAULT"] = connection_to(port)
        answer = airflow.ask("tell", **NOTICE, patience=0.5)
    assert "mail: no answer within 0 s; given up" in answer.log
    assert mail.messages == []


def test_f63_secrets_of_the_channels_are_in_no_log(
    failing: Airflow, mail: MailServer, slack: RecordingServer
) -> None:
    connection = json.loads(mail.connection) | {"login": "u", "password": "canary-mail"}
    failing.env["AIRFLOW_CONN_SMTP_DEFAULT"] = json.dumps(connection)  # it has no AUTH: refused
    slack.answer(403, body=b"invalid_token")
    answer = failing.run("monitor__wine", end_of_day(0))
    assert "mail: not sent" in answer.log
    assert "Slack: not sent" in answer.log
    assert "canary" not in answer.log


def test_nobody_is_told_unless_the_environment_says_whom(airflow: Airflow, monitors: Path) -> None:
    write_monitor(monitors, "wine")
    tasks = airflow.call("load")["dags"]["monitor__wine"]["tasks"]
    assert {task["callbacks"] for task in tasks.values()} == {1}
    airflow.env["MONITORING_NOTIFY_EMAIL"] = "ops@example.com"
    tasks = airflow.call("load")["dags"]["monitor__wine"]["tasks"]
    assert {task["callbacks"] for task in tasks.values()} == {2}


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("MONITORING_NOTIFY_EMAIL", "ops@example.com, nobody", "'nobody' is no address"),
        ("MONITORING_NOTIFY_OWNER", "perhaps", "'perhaps' is no switch; write true or false"),
    ],
)
def test_setting_that_would_tell_nobody_is_an_import_error(
    airflow: Airflow, monitors: Path, variable: str, value: str, problem: str
) -> None:
    write_monitor(monitors, "wine")
    airflow.env[variable] = value
    errors = airflow.call("load")["import_errors"]
    assert errors
    assert all(f"{variable}: {problem}" in error for error in errors.values())


def test_slack_without_its_provider_names_the_cure(airflow: Airflow) -> None:
    airflow.env["MONITORING_NOTIFY_SLACK"] = "team_slack"
    assert airflow.call("notifiers_without_slack") == (
        "InvalidSettings: MONITORING_NOTIFY_SLACK: Airflow's Slack provider is not installed; "
        "pip install apache-airflow-providers-slack"
    )
