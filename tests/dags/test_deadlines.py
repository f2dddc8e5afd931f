"""When a scheduled evaluation is late, and when a passed deadline means nothing.

test_scheduler.py lets a real scheduler and triggerer miss one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dags.conftest import Airflow, WorkerError, write_monitor
from tests.fixtures.mail_server import MailServer, mail_server
from tests.fixtures.pushgateway import scrape

RUN: dict[str, Any] = {
    "dag_id": "monitor__wine",
    "dag_run_id": "scheduled__2026-11-02T00:00:00+00:00",
    "run_type": "scheduled",
    "state": "running",
    "data_interval_start": "2026-11-01T00:00:00Z",
    "data_interval_end": "2026-11-02T00:00:00Z",
    "run_after": "2026-11-02T00:00:00Z",
}
DEADLINE = {"id": "1", "deadline_time": "2026-11-02T03:00:00.123456Z"}


@pytest.fixture
def mail(services: Airflow) -> Iterator[MailServer]:
    with mail_server() as server:
        services.env |= {
            "MONITORING_NOTIFY_EMAIL": "ops@example.com",
            "AIRFLOW_CONN_SMTP_DEFAULT": server.connection,
        }
        yield server


def passed(airflow: Airflow, **run: Any) -> str:
    context = {"dag_run": RUN | run, "deadline": DEADLINE}
    return airflow.ask("deadline_passed", dag_id="monitor__wine", context=context).log


def failures(url: str) -> int:
    names = [name for name, _ in scrape(url)]
    return names.count("monitoring_last_failure_timestamp_seconds")


@pytest.mark.parametrize("state", ["running", "queued"])
def test_scheduled_run_that_is_not_done_is_late(
    services: Airflow, monitors: Path, mail: MailServer, pushgateway_url: str, state: str
) -> None:
    write_monitor(monitors, "wine", deadline="3h")
    log = passed(services, state=state)
    assert (
        "evaluation of wine for 2026-11-01T00:00:00Z/2026-11-02T00:00:00Z is late: "
        "it was due 2026-11-02T03:00:00Z"
    ) in log
    assert failures(pushgateway_url) == 1
    (message,) = mail.messages
    assert message["Subject"] == (
        "[monitoring] wine: evaluation is late, 2026-11-01 00:00 to 2026-11-02 00:00 UTC"
    )
    assert f"its run is {state}" in " ".join(message.get_content().split())


@pytest.mark.parametrize(
    "run",
    [
        {"run_type": "backfill"},
        {"run_type": "manual", "data_interval_start": None, "data_interval_end": None},
        {"run_type": "operator_triggered", "state": "queued"},
        {"run_type": "asset_triggered"},
        {"state": "success"},
        {"state": "failed"},
    ],
    ids=lambda run: "-".join(str(value) for value in run.values()),
)
def test_nobody_waits_for_other_runs_or_for_those_that_have_ended(
    services: Airflow, monitors: Path, mail: MailServer, pushgateway_url: str, run: dict[str, Any]
) -> None:
    write_monitor(monitors, "wine", deadline="3h")
    assert "nothing to say" in passed(services, **run)
    assert failures(pushgateway_url) == 0
    assert mail.messages == []


def test_longer_window_is_the_one_that_is_named(
    services: Airflow, monitors: Path, mail: MailServer
) -> None:
    write_monitor(monitors, "wine", deadline="3h", window="7d", timezone="Europe/Berlin")
    passed(
        services,
        data_interval_start="2026-10-25T23:00:00Z",
        data_interval_end="2026-10-26T23:00:00Z",
    )
    (message,) = mail.messages
    assert message["Subject"].endswith("late, 2026-10-19 22:00 to 2026-10-26 23:00 UTC")


def test_gateway_that_is_down_does_not_keep_the_mail_from_being_sent(
    services: Airflow, monitors: Path, mail: MailServer
) -> None:
    write_monitor(monitors, "wine", deadline="3h")
    services.env["PUSHGATEWAY_URL"] = "http://127.0.0.1:1"
    with pytest.raises(WorkerError, match="GatewayUnavailable"):
        passed(services)
    assert len(mail.messages) == 1


def test_only_a_monitor_that_names_one_has_a_deadline(airflow: Airflow, monitors: Path) -> None:
    write_monitor(monitors, "plain")
    write_monitor(monitors, "wine", delay="1h", deadline="90m")
    assert airflow.call("deadlines", dag_id="monitor__plain") == []
    assert airflow.call("deadlines", dag_id="monitor__wine") == [90 * 60]
