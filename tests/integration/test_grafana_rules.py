"""Grafana's alert rules on results that the sinks wrote: who is told of, who is not, and how."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from monitoring_alerts import monitors
from monitoring_jobs.results import Measurement, ModelRef, Status
from monitoring_jobs.sinks.postgres import PostgresSink, write_addresses
from monitoring_jobs.windows import Window
from tests.fixtures.evaluations import drift, make_evaluation
from tests.fixtures.grafana_rules import Alert, evaluate, shown
from tests.fixtures.postgres import Server, rows, url_as

FILE = Path(__file__).resolve().parents[2] / "grafana" / "provisioning" / "alerting" / "rules.yaml"
TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
DAY = timedelta(days=1)
LETTERS = {"o": "ok", "w": "warning", "F": "failed", "e": "error", "-": "insufficient_data"}
# Who is told of, by rule; every other monitor that _fill writes is not.
FIRING = {
    "WindowsFailedRepeatedly": {
        "failed_three_of_seven",
        "error_counts_as_failed",
        "good_again_for_a_day",
        "failed_between_gaps",
        "below_own_bound",
    },
    "DriftPersists": {"drifts_for_three_days"},
    "LabelCoverageLow": {"few_labels", "below_own_bound"},
    "ReferenceOutdated": {"old_reference"},
    "InsufficientDataPersists": {"no_data_three_times", "no_data_ever"},
    "EvaluationsFailRepeatedly": {"two_windows_failed", "never_evaluated"},
    "MonitorSilent": {"late_by_days"},
}


def _window(days_ago: int) -> Window:
    return Window(TODAY - days_ago * DAY, TODAY - (days_ago - 1) * DAY)


def _coverage(share: float, bound: float | None = None) -> Measurement:
    status = Status.OK if bound is None or share >= bound else Status.FAILED
    return Measurement(
        check="performance", metric="label_coverage", value=share, threshold=bound, status=status
    )


class Fleet:
    """Writes windows of many monitors, the newest one yesterday's."""

    def __init__(self, url: str) -> None:
        self._sink = PostgresSink(url)

    def judged(self, monitor: str, verdicts: str, **changes: Any) -> None:
        """Write a window for each letter of ``verdicts``, oldest first."""
        for days_ago, letter in zip(range(len(verdicts), 0, -1), verdicts, strict=True):
            status = Status(LETTERS[letter])
            self.window(monitor, days_ago, (_verdict(status),), **changes)

    def window(
        self, monitor: str, days_ago: int, measurements: Sequence[Measurement], **changes: Any
    ) -> None:
        window = _window(days_ago)
        status = max((m.status for m in measurements), key=lambda status: status.severity)
        values = {"due_at": TODAY + 2 * DAY, "reference_id": f"{monitor}-{days_ago}", **changes}
        self._sink.write(
            make_evaluation(
                monitor=monitor,
                model=ModelRef(name="wine", version="3"),
                owner="team@example.com",
                window=window,
                status=status,
                measurements=tuple(measurements),
                computed_at=window.end,
                attempt=f"{days_ago}",
                **values,
            )
        )

    def drifted(self, monitor: str, days: Sequence[str]) -> None:
        """Write a window for each string, oldest first: the columns that drifted in it."""
        for days_ago, columns in zip(range(len(days), 0, -1), days, strict=True):
            found = [drift(c, "psi", 0.4, 0.1, drifted=c in columns) for c in "abc"]
            self.window(monitor, days_ago, found)

    def failed_attempt(self, monitor: str, days_ago: int, attempt: str) -> None:
        window = _window(days_ago)
        self._sink.record_error(
            monitor, window, attempt, window.end + timedelta(hours=3), "no such file"
        )


def _verdict(status: Status) -> Measurement:
    return Measurement(check="quality", metric="rows", value=10, status=status)


def _fill(fleet: Fleet) -> None:
    _fill_with_verdicts(fleet)
    _fill_with_drift(fleet)
    _fill_with_labels(fleet)
    _fill_with_references(fleet)
    _fill_with_silence(fleet)


def _fill_with_verdicts(fleet: Fleet) -> None:
    fleet.judged("well", "ooooooo")
    fleet.judged("failed_once", "ooooooF")
    fleet.judged("failed_twice", "FoooooF")
    fleet.judged("failed_three_of_seven", "FooFooF")
    fleet.judged("error_counts_as_failed", "oooFoeF")
    fleet.judged("warned_for_a_week", "wwwwwww")
    fleet.judged("good_again_for_a_day", "oooFFFo")
    fleet.judged("good_again_for_two_days", "ooFFFow")
    fleet.judged("failed_longer_ago", "FFFoooooFo")
    fleet.judged("failed_between_gaps", "F-F--F-o--")
    fleet.judged("no_data_once", "oooooo-")
    fleet.judged("no_data_twice", "ooooo--")
    fleet.judged("no_data_three_times", "oooo---")
    fleet.judged("no_data_ever", "-----")
    fleet.judged("data_again", "ooo---o")


def _fill_with_drift(fleet: Fleet) -> None:
    fleet.drifted("drifts_since_yesterday", ["", "", "abc"])
    fleet.drifted("drifts_for_two_days", ["", "ab", "ab"])
    fleet.drifted("drifts_for_three_days", ["", "a", "ab", "ac"])
    fleet.drifted("each_day_another_column", ["a", "b", "c"])
    fleet.drifted("drifts_no_more", ["a", "a", "a", ""])
    fleet.drifted("young_and_drifting", ["a", "a"])


def _fill_with_labels(fleet: Fleet) -> None:
    for monitor, shares, bound in (
        ("labels_come", (1.0, 1.0, 1.0), None),
        ("no_labels_today", (1.0, 1.0, 0.0), None),
        ("few_labels", (0.05, 0.0, 0.04), None),
        ("few_labels_and_young", (0.0, 0.0), None),
        ("below_own_bound", (0.3, 0.3, 0.3), 0.5),
        ("above_own_bound", (0.05, 0.05, 0.05), 0.02),
    ):
        for days_ago, share in zip(range(len(shares), 0, -1), shares, strict=True):
            fleet.window(monitor, days_ago, (_coverage(share, bound),))


def _fill_with_references(fleet: Fleet) -> None:
    old = [200, *range(7, 0, -1)]
    for monitor, days, reference in (
        ("old_reference", old, lambda _: "one"),
        ("trailing_reference", old, str),
        ("reference_changed_lately", old, lambda days_ago: "new" if days_ago < 100 else "old"),
        ("old_reference_of_few_windows", [200, 1], lambda _: "one"),
    ):
        for days_ago in days:
            fleet.window(
                monitor, days_ago, (_verdict(Status.OK),), reference_id=reference(days_ago)
            )


def _fill_with_silence(fleet: Fleet) -> None:
    hours = timedelta(hours=1)
    for monitor, due_at in (
        ("due_tomorrow", TODAY + 2 * DAY),
        ("late_by_hours", datetime.now(UTC) - 20 * hours),
        ("late_by_days", datetime.now(UTC) - 50 * hours),
        ("never_due", None),
    ):
        fleet.judged(monitor, "o", due_at=due_at)
    fleet.judged("one_attempt_failed", "oo")
    fleet.failed_attempt("one_attempt_failed", 0, "a")
    fleet.judged("retries_of_one_window_failed", "oo")
    for attempt in "abc":
        fleet.failed_attempt("retries_of_one_window_failed", 0, attempt)
    fleet.judged("two_windows_failed", "oo")
    fleet.failed_attempt("two_windows_failed", 0, "a")
    fleet.failed_attempt("two_windows_failed", -1, "b")
    fleet.failed_attempt("never_evaluated", 1, "a")
    fleet.failed_attempt("never_evaluated", 0, "b")
    fleet.failed_attempt("judged_before_but_published_after_an_error", 1, "a")
    fleet.judged("judged_before_but_published_after_an_error", "oo")
    fleet.failed_attempt("judged_before_but_published_after_an_error", 0, "b")
    for days_ago in (9, 8):
        fleet.failed_attempt("old_windows_failed", days_ago, "a")
    fleet.judged("old_windows_failed", "oo")


RULES: Mapping[str, Mapping[str, Any]] = {
    rule["title"]: rule
    for group in yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
}


@pytest.fixture(scope="module")
def filled(postgres_server: Server, _migrated_template: str) -> Iterator[str]:
    """A database with every monitor of this module, which tests only read."""
    name = postgres_server.create_database(template=_migrated_template)
    url = postgres_server.url(name)
    _fill(Fleet(url_as(url, "monitoring_writer")))
    write_addresses(url_as(url, "monitoring_writer"), {"airflow": "https://airflow.example/"})
    yield url_as(url, "monitoring_reader")
    postgres_server.drop_database(name)


def _firing(alerts: Sequence[Alert]) -> dict[str, Alert]:
    return {alert.labels["monitor"]: alert for alert in alerts if alert.is_firing}


@pytest.mark.parametrize("name", [rule.name for rule in monitors.RULES])
def test_rule_tells_of_the_monitors_it_is_about_and_of_no_other(filled: str, name: str) -> None:
    alerts = evaluate(RULES[name], filled)

    assert _firing(alerts).keys() == FIRING[name]
    assert len(alerts) > len(FIRING[name]), "those that are well are Normal, which ends an alert"


def test_messages_name_model_value_threshold_and_places_to_look(filled: str) -> None:
    rule = RULES["WindowsFailedRepeatedly"]
    alert = _firing(evaluate(rule, filled))["failed_three_of_seven"]
    texts = {name: shown(text, alert) for name, text in rule["annotations"].items()}
    page = "https://airflow.example/plugin/monitoring/monitoring/monitors/failed_three_of_seven"

    assert texts["summary"] == "failed_three_of_seven: 3 of the last 7 windows failed"
    assert texts["description"] == (
        "failed_three_of_seven (model wine, version 3) failed 3 of its newest 7 judged windows (3 "
        f"raise this alert), for the first time of them on {TODAY - 7 * DAY:%Y-%m-%d} 00:00."
    )
    assert texts["report_url"] == f"{page}/latest"
    assert texts["dag_url"] == "https://airflow.example/dags/monitor__failed_three_of_seven"
    assert texts["dashboard_url"] == (
        "http://grafana/d/evidently-drift?var-monitor=failed_three_of_seven"
    )
    assert alert.labels["owner"] == "team@example.com"


@pytest.mark.parametrize(
    ("name", "monitor", "said"),
    [
        ("DriftPersists", "drifts_for_three_days", "newest 3 judged windows: 1 (1 raises"),
        ("LabelCoverageLow", "few_labels", "at most 5% of the rows"),
        ("LabelCoverageLow", "below_own_bound", "(below 50% raises this alert)"),
        ("ReferenceOutdated", "old_reference", "the same reference since"),
        ("InsufficientDataPersists", "no_data_ever", "its newest 5 windows for lack of data"),
        ("EvaluationsFailRepeatedly", "never_evaluated", "for 2 windows, the newest ones"),
        ("MonitorSilent", "late_by_days", ", 50 h ago (more than 24 h raise this alert)"),
    ],
)
def test_description_says_the_value_against_its_threshold(
    filled: str, name: str, monitor: str, said: str
) -> None:
    alert = _firing(evaluate(RULES[name], filled))[monitor]

    assert said in shown(RULES[name]["annotations"]["description"], alert)


def test_monitor_without_a_model_is_told_of_without_one(filled: str) -> None:
    rule = RULES["EvaluationsFailRepeatedly"]
    alert = _firing(evaluate(rule, filled))["never_evaluated"]

    assert shown(rule["annotations"]["description"], alert).startswith("never_evaluated has not")


def test_fresh_installation_raises_no_alert_but_of_missing_partitions(reader_url: str) -> None:
    found = {
        name: evaluate(rule, reader_url) for name, rule in RULES.items() if name != "PrometheusDown"
    }

    assert {name for name, alerts in found.items() if any(a.is_firing for a in alerts)} == {
        "PartitionsRunningOut"
    }
    silent = {name for name, alerts in found.items() if not alerts}
    assert silent == {*FIRING, "ExtractionStale"}
    assert {RULES[name]["noDataState"] for name in silent} == {"OK"}


def test_rows_without_partition_are_told_of_until_maintenance_has_moved_them(
    database_url: str, reader_url: str
) -> None:
    def firing(name: str) -> bool:
        (alert,) = evaluate(RULES[name], reader_url)
        return alert.is_firing

    PostgresSink(database_url).write(make_evaluation(window=_window(1)))
    assert firing("MeasurementsWithoutPartition")

    for months in range(-1, 4):
        month = (TODAY.replace(day=15) + months * timedelta(days=30)).date()
        rows(database_url, "SELECT create_measurement_partition(%s)", month)
    assert not firing("MeasurementsWithoutPartition")
    assert not firing("PartitionsRunningOut")


def test_each_tracking_server_that_is_no_longer_read_is_told_of(
    database_url: str, reader_url: str
) -> None:
    for server, hours in (("http://read", 25), ("http://forgotten", 27)):
        extracted_at = datetime.now(UTC) - timedelta(hours=hours)
        statement = (
            "INSERT INTO mlflow_extraction (tracking_server, watermark, extracted_at)"
            " VALUES (%s, %s, %s)"
        )
        rows(database_url, statement, server, extracted_at, extracted_at)
    rule = RULES["ExtractionStale"]
    alerts = evaluate(rule, reader_url)

    (alert,) = [alert for alert in alerts if alert.is_firing]
    assert len(alerts) == 2
    assert shown(rule["annotations"]["summary"], alert) == (
        "nothing extracted from http://forgotten for 27 h"
    )
