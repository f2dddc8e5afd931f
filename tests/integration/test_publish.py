"""The job publish: every sink gets its own, and one that is down keeps none from the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg2
import pytest
from sqlalchemy.engine import make_url

from monitoring_jobs import Settings, publish
from monitoring_jobs.errors import (
    DatabaseUnavailable,
    GatewayUnavailable,
    InvalidSettings,
    ReferenceMissing,
    SinksFailed,
    SinksRefused,
    TerminalError,
)
from monitoring_jobs.publish import NOT_CONFIGURED, NOT_ENDED, NOT_NEWEST, WRITTEN, publish_failure
from monitoring_jobs.reports.store import ReportStore
from monitoring_jobs.results import Status
from tests.fixtures.evaluations import COMPUTED, DAY, day, make_evaluation
from tests.fixtures.http_server import recording_server
from tests.fixtures.pushgateway import scrape

CLOSED = "http://127.0.0.1:9"


def configure(tmp_path: Path, **values) -> Settings:
    nothing = {"database_url": None, "pushgateway_url": None, "mlflow_tracking_uri": None}
    return Settings.load(report_store=str(tmp_path / "store"), **{**nothing, **values})


def pushed(url: str) -> dict:
    """Return the series of monitors, without the gateway's own."""
    return {key: value for key, value in scrape(url).items() if "monitor" in dict(key[1])}


def rows(url: str, query: str) -> list[tuple]:
    target = make_url(url)
    with psycopg2.connect(
        host=target.query["host"], user=target.username, dbname=target.database
    ) as connection:
        connection.set_session(readonly=True)
        with connection.cursor() as cursor:
            cursor.execute(query)
            found = cursor.fetchall()
    connection.close()
    return found


def test_postgres_then_gauges(tmp_path, writer_url, pushgateway_url):
    settings = configure(tmp_path, database_url=writer_url, pushgateway_url=pushgateway_url)
    evaluation = make_evaluation()
    assert publish(evaluation, settings) == {"postgres": WRITTEN, "pushgateway": WRITTEN}
    assert rows(writer_url, "SELECT monitor, status FROM monitoring.evaluation") == [
        ("wine_quality", "warning")
    ]
    assert any(name == "model_accuracy" for name, _ in scrape(pushgateway_url))


def test_f29_only_the_newest_window_is_pushed(tmp_path, pushgateway_url):
    settings = configure(tmp_path, pushgateway_url=pushgateway_url)
    store = ReportStore.open(settings.report_store)
    today = store.put(make_evaluation(), None)
    before = store.put(make_evaluation(window=day(-5), attempt="backfill"), None)
    assert publish(today, settings, sinks=["pushgateway"]) == {"pushgateway": WRITTEN}
    shown = pushed(pushgateway_url)
    assert publish(before, settings, sinks=["pushgateway"]) == {"pushgateway": NOT_NEWEST}
    assert pushed(pushgateway_url) == shown


def test_a_window_that_has_not_ended_keeps_no_gauge_from_those_that_have(tmp_path, pushgateway_url):
    settings = configure(tmp_path, pushgateway_url=pushgateway_url)
    store = ReportStore.open(settings.report_store)
    early = store.put(make_evaluation(window=day(20_000), attempt="early"), None)
    assert publish(early, settings, sinks=["pushgateway"]) == {"pushgateway": NOT_ENDED}
    assert pushed(pushgateway_url) == {}
    today = store.put(make_evaluation(), None)
    assert publish(today, settings, sinks=["pushgateway"]) == {"pushgateway": WRITTEN}


def test_f28_an_older_attempt_at_the_newest_window_is_not_pushed(tmp_path, pushgateway_url):
    settings = configure(tmp_path, pushgateway_url=pushgateway_url)
    newest = ReportStore.open(settings.report_store).put(make_evaluation(), None)
    publish(newest, settings, sinks=["pushgateway"])
    shown = pushed(pushgateway_url)
    older = make_evaluation(
        attempt="older", computed_at=COMPUTED - timedelta(hours=1), status=Status.FAILED
    )
    assert publish(older, settings, sinks=["pushgateway"]) == {"pushgateway": NOT_NEWEST}
    assert pushed(pushgateway_url) == shown


def test_f29_a_push_that_was_overtaken_is_healed(tmp_path, pushgateway_url, monkeypatch):
    """Today's window is stored and pushed between yesterday's look at the store and its push."""
    from monitoring_jobs.sinks.pushgateway import PushgatewaySink

    settings = configure(tmp_path, pushgateway_url=pushgateway_url)
    store = ReportStore.open(settings.report_store)
    yesterday = store.put(make_evaluation(window=day(-1)), None)
    today = make_evaluation(attempt="today")
    write = PushgatewaySink.write

    def overtaken(sink, evaluation):
        if evaluation == yesterday:
            write(sink, store.put(today, None))
        write(sink, evaluation)

    monkeypatch.setattr(PushgatewaySink, "write", overtaken)
    assert publish(yesterday, settings, sinks=["pushgateway"]) == {"pushgateway": NOT_NEWEST}
    (end,) = [
        value
        for (name, _), value in scrape(pushgateway_url).items()
        if name == "monitoring_window_end_timestamp_seconds"
    ]
    assert end == today.window.end.timestamp()


def test_f31_publishing_again_heals_a_gauge_that_was_never_pushed(
    tmp_path, writer_url, pushgateway_url
):
    settings = configure(tmp_path, database_url=writer_url, pushgateway_url=pushgateway_url)
    evaluation = make_evaluation()
    publish(evaluation, settings, sinks=["postgres"])
    publish(evaluation, settings)
    assert any(name == "model_accuracy" for name, _ in scrape(pushgateway_url))
    assert rows(writer_url, "SELECT count(*) FROM monitoring.evaluation") == [(1,)]


def test_f34_a_database_that_is_down_costs_only_its_own_sink(tmp_path, pushgateway_url):
    settings = configure(
        tmp_path,
        database_url="postgresql://someone:canary-secret@127.0.0.1:9/results",
        pushgateway_url=pushgateway_url,
    )
    with pytest.raises(DatabaseUnavailable) as caught:
        publish(make_evaluation(), settings)
    assert "canary-secret" not in str(caught.value)
    assert any(name == "model_accuracy" for name, _ in scrape(pushgateway_url))


def test_f42_a_gateway_that_is_down_costs_only_its_own_sink(tmp_path, writer_url):
    settings = configure(tmp_path, database_url=writer_url, pushgateway_url=CLOSED)
    with pytest.raises(GatewayUnavailable):
        publish(make_evaluation(), settings)
    assert rows(writer_url, "SELECT count(*) FROM monitoring.evaluation") == [(1,)]


def test_two_sinks_that_fail_are_both_named(tmp_path):
    settings = configure(
        tmp_path, database_url="postgresql://127.0.0.1:9/results", pushgateway_url=CLOSED
    )
    with pytest.raises(SinksFailed) as caught:
        publish(make_evaluation(), settings)
    assert set(caught.value.errors) == {"postgres", "pushgateway"}


def test_sinks_that_all_refuse_are_not_worth_another_try(tmp_path):
    evaluation = replace(make_evaluation(), sinks=("webhook", "mlflow"))
    with pytest.raises(SinksRefused) as caught:
        publish(evaluation, configure(tmp_path))
    assert set(caught.value.errors) == {"webhook", "mlflow"}


def test_without_a_gateway_the_gauges_become_a_textfile(tmp_path):
    settings = configure(tmp_path, textfile=tmp_path / "monitoring.prom")
    assert publish(make_evaluation(), settings, sinks=["pushgateway"]) == {"pushgateway": WRITTEN}
    (written,) = tmp_path.glob("*.prom")
    assert "model_accuracy{" in written.read_text()


def test_gauges_are_optional_and_the_outcome_says_so(tmp_path):
    outcome = publish(make_evaluation(), configure(tmp_path), sinks=["pushgateway"])
    assert outcome == {"pushgateway": NOT_CONFIGURED}


def test_the_webhook_gets_the_evaluation_with_its_token(tmp_path):
    with recording_server() as server:
        settings = configure(tmp_path, webhook_url=server.url, webhook_token="canary-secret")
        evaluation = replace(make_evaluation(), sinks=("webhook",))
        assert publish(evaluation, settings) == {"webhook": WRITTEN}
    (request,) = server.requests
    assert request.headers["Authorization"] == "Bearer canary-secret"
    assert b'"wine_quality"' in request.body


@pytest.mark.parametrize(
    ("sink", "cure"),
    [
        ("postgres", "MONITORING_DATABASE_URL"),
        ("webhook", "MONITORING_WEBHOOK_URL"),
        ("mlflow", "MLFLOW_TRACKING_URI"),
        ("carrier_pigeon", "postgres, pushgateway"),
    ],
)
def test_a_sink_without_settings_names_the_variable(tmp_path, sink, cure):
    with pytest.raises(InvalidSettings, match=cure):
        publish(make_evaluation(), configure(tmp_path), sinks=[sink])


def test_a_monitor_without_a_model_has_nowhere_to_log_its_report(tmp_path):
    evaluation = make_evaluation(model=type(make_evaluation().model)())
    settings = configure(tmp_path, mlflow_tracking_uri="http://127.0.0.1:9")
    with pytest.raises(TerminalError, match="wine_quality"):
        publish(evaluation, settings, sinks=["mlflow"])


def test_f03_f49_a_failed_evaluation_leaves_an_attempt_and_a_timestamp(
    tmp_path, writer_url, pushgateway_url
):
    settings = configure(tmp_path, database_url=writer_url, pushgateway_url=pushgateway_url)
    publish(make_evaluation(), settings)
    later = COMPUTED + timedelta(hours=1)
    error = ReferenceMissing("monitor 'wine_quality': the reference has no rows")
    publish_failure("wine_quality", settings, at=later, window=DAY, error=error)
    assert rows(
        writer_url,
        "SELECT outcome, error FROM monitoring.evaluation_attempt WHERE outcome = 'error'",
    ) == [("error", str(error))]
    assert rows(writer_url, "SELECT count(*) FROM monitoring.evaluation") == [(1,)]
    shown = {name: value for (name, _), value in scrape(pushgateway_url).items()}
    assert shown["monitoring_last_failure_timestamp_seconds"] == later.timestamp()
    assert "model_accuracy" in shown


def test_a_backfill_that_fails_leaves_the_gauges_of_today_alone(
    tmp_path, writer_url, pushgateway_url
):
    settings = configure(tmp_path, database_url=writer_url, pushgateway_url=pushgateway_url)
    today = ReportStore.open(settings.report_store).put(make_evaluation(), None)
    publish(today, settings, sinks=["pushgateway"])
    error = ReferenceMissing("monitor 'wine_quality': the reference has no rows")
    name, later = "monitoring_last_failure_timestamp_seconds", COMPUTED + timedelta(hours=1)
    publish_failure("wine_quality", settings, at=later, window=day(-1), error=error)
    assert name not in {series for series, _ in scrape(pushgateway_url)}
    query = "SELECT count(*) FROM monitoring.evaluation_attempt WHERE outcome = 'error'"
    assert rows(writer_url, query) == [(1,)]
    publish_failure("wine_quality", settings, at=later, window=DAY, error=error)
    assert name in {series for series, _ in scrape(pushgateway_url)}


def test_where_the_user_interfaces_are_is_kept_free_of_logins(tmp_path, writer_url, database_url):
    def addresses():
        return dict(rows(database_url, "SELECT name, url FROM monitoring.addresses"))

    known = {
        "airflow_url": "https://airflow.example/a",
        "grafana_url": "https://g:h@grafana.example",
    }
    publish(
        make_evaluation(), configure(tmp_path, database_url=writer_url, **known), sinks=["postgres"]
    )
    airflow, grafana = "https://airflow.example/a/", "https://grafana.example"
    assert addresses() == {"airflow": airflow, "grafana": grafana}
    moved = {"airflow_url": None, "mlflow_url": "http://mlflow.example:5000"}
    publish(
        make_evaluation(), configure(tmp_path, database_url=writer_url, **moved), sinks=["postgres"]
    )
    assert addresses() == {
        "airflow": airflow,
        "grafana": grafana,
        "mlflow": "http://mlflow.example:5000",
    }
