"""An evaluation comes in at one end; at the other somebody reads a mail, and later that it is over.

Everything between runs on the files of docker/, with other addresses and shorter intervals.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from monitoring_jobs import Evaluation, Settings, Window, evaluate, publish
from monitoring_jobs.demo.faults import DIABETES, SUDDEN_SHIFT
from monitoring_jobs.demo.models import RECIPES, fit
from monitoring_jobs.demo.samples import features
from monitoring_jobs.demo.traffic import one_day
from monitoring_jobs.monitor_files import load_monitor
from monitoring_jobs.publish import WRITTEN
from monitoring_jobs.results import ModelRef
from tests.fixtures.alertmanager import ROUTING_KEY, TOKEN, Alertmanager, running_alertmanager
from tests.fixtures.chromium import draw
from tests.fixtures.http_server import RecordingServer, recording_server
from tests.fixtures.mail_server import MailServer, mail_server
from tests.fixtures.monitors import write_monitor_file
from tests.fixtures.prometheus import Prometheus, running_prometheus, wait_until
from tests.fixtures.pushgateway import running_pushgateway

OUTPUT = Path(__file__).resolve().parents[1] / "browser" / "output"
DAY = timedelta(days=1)
SHIFTED, CLEAN = max(SUDDEN_SHIFT.verdicts), min(SUDDEN_SHIFT.verdicts) - 1  # days of the demo
LINKS = {"airflow": "https://airflow.example.com/", "grafana": "https://grafana.example.com/"}
REPORTS = "https://airflow.example.com/plugin/monitoring/monitoring/monitors"
DRIFT = "https://grafana.example.com/d/evidently-drift"


@dataclass(frozen=True)
class Stack:
    """Everything between a published evaluation and its readers."""

    gateway: str
    prometheus: Prometheus
    alertmanager: Alertmanager
    mails: MailServer
    hooks: RecordingServer

    def mail(self, subject: str) -> EmailMessage:
        """Return the first mail whose subject begins so, as soon as it is there."""

        def found() -> list[EmailMessage]:
            return [mail for mail in self.mails.messages if mail["Subject"].startswith(subject)]

        return wait_until(found, f"a mail {subject!r}; there are {self.subjects}")[0]

    @property
    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails.messages]

    def hooked(self, kind: str, holds: Callable[[Any], bool]) -> Any:
        """Return what was posted to a hook and holds what is asked, as soon as it is there."""

        def found() -> list[Any]:
            bodies = [json.loads(r.body) for r in self.hooks.requests if r.path == f"/{kind}"]
            return [body for body in bodies if holds(body)]

        return wait_until(found, f"something at the hook {kind}")[0]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("alerts")
    for name in ("prometheus", "alertmanager"):
        (folder / name).mkdir()
    with ExitStack() as running:
        mails = running.enter_context(mail_server())
        hooks = running.enter_context(recording_server())
        gateway = running.enter_context(running_pushgateway(folder / "gateway"))
        alertmanager = running.enter_context(
            running_alertmanager(folder / "alertmanager", mail_port=mails.port, hooks=hooks.url)
        )
        told = {"pushgateway": gateway, "alertmanager": alertmanager.url}
        prometheus = running.enter_context(
            running_prometheus(
                folder / "prometheus",
                {job: [urlsplit(url).netloc] for job, url in told.items()},
                links=LINKS,
            )
        )
        yield Stack(gateway, prometheus, alertmanager, mails, hooks)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    """An Alertmanager that is told of alerts by hand, and reaches nobody."""
    folder = tmp_path_factory.mktemp("told")
    nobody = "http://127.0.0.1:9"
    with running_alertmanager(folder, mail_port=9, hooks=nobody, wait="1h") as alertmanager:
        yield alertmanager


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Evaluation]:
    """Return a function that evaluates a day of the demo as if it had ended some days ago."""
    folder = tmp_path_factory.mktemp("monitors")
    recipe = next(recipe for recipe in RECIPES if recipe.name == DIABETES)
    model = fit(recipe)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    settings = Settings.load(
        report_store=str(folder / "store"), cache_dir=folder / "cache", mlflow_tracking_uri=None
    )
    data = folder / "data"
    data.mkdir()
    reference = one_day(model, today.date(), CLEAN - 1)
    reference.to_parquet(data / "reference.parquet")
    numbers = [
        str(name)
        for name in features(reference)
        if reference[name].dtype == float and name != "prediction"
    ]

    def evaluated(name: str, day_of_demo: int, ended_days_ago: int, **keys: Any) -> Evaluation:
        end = today - ended_days_ago * DAY
        log = one_day(model, (end - DAY).date(), day_of_demo)
        log.to_parquet(data / f"{name}-{day_of_demo}.parquet")
        path = write_monitor_file(
            folder,
            name,
            owner="clinic@example.com",
            data={
                "source": "parquet",
                "path": f"data/{name}-{day_of_demo}.parquet",
                "timestamp": "ts",
            },
            reference={"source": "parquet", "path": "data/reference.parquet"},
            columns={"numerical": numbers, "id": "request_id"},
            checks={"drift": {"numerical": {"method": "wasserstein", "threshold": 0.25}}},
            **keys,
        )
        found = evaluate(load_monitor(path), Window(end - DAY, end), settings, report=False)
        return replace(found, model=ModelRef(name=DIABETES, version="2"))

    return evaluated


@pytest.fixture
def published(stack: Stack, tmp_path: Path) -> Callable[[Evaluation], None]:
    settings = Settings.load(
        report_store=str(tmp_path / "store"),
        pushgateway_url=stack.gateway,
        database_url=None,
        mlflow_tracking_uri=None,
    )

    def published(evaluation: Evaluation) -> None:
        assert publish(evaluation, settings, sinks=["pushgateway"]) == {"pushgateway": WRITTEN}

    return published


def test_the_shifted_day_reaches_its_readers_and_the_clean_day_ends_it(
    stack: Stack,
    evaluated: Callable[..., Evaluation],
    published: Callable[[Evaluation], None],
    tmp_path: Path,
) -> None:
    shifted = evaluated(DIABETES, SHIFTED, 1, deadline="3d")
    published(shifted)
    wanted = f'ALERTS{{alertname="DataDriftDetected",alertstate="firing",monitor="{DIABETES}"}}'
    assert {found["metric"]["severity"] for found in stack.prometheus.wait_for(wanted)} >= {
        "critical"
    }
    title = f"Data drift in {DIABETES} (model {DIABETES}, version 2)"
    told = stack.mail(f"Critical: {title}")
    assert told["To"] == "ml-platform@example.com"
    text = body(told, "plain")
    for line in (
        f"CRITICAL: {title}",
        "of those judged, and the monitor file allows less than 50%.",
        f"Model      {DIABETES}, version 2",
        "; bp 1.",
        " (wasserstein, limit 0.25)",
        f"Window     the newest one, which ended {shifted.window.end:%Y-%m-%d} 00:00 UTC",
        "Owner      clinic@example.com",
        f"Report     {REPORTS}/{DIABETES}/latest",
        f"Dashboard  {DRIFT}?var-monitor={DIABETES}",
    ):
        assert line in text, text
    hooked = stack.hooked("webhook", lambda found: is_drift(found, "firing"))
    labels = hooked["alerts"][0]["labels"]
    assert labels["monitor"] == DIABETES
    assert not {"airflow_url", "grafana_url"} & set(labels)
    assert any(r.headers.get("Authorization") == f"Bearer {TOKEN}" for r in stack.hooks.requests)
    slack = stack.hooked("slack", lambda found: title in found["attachments"][0]["title"])
    assert slack["attachments"][0]["color"] == "danger"
    # The warnings that say the same once more were muted, by the critical one.
    muted = stack.alertmanager.alerts(monitor=DIABETES, severity="warning", component="drift")
    assert {alert["status"]["state"] for alert in muted} == {"suppressed"}

    published(evaluated(DIABETES, CLEAN, 0, deadline="3d"))
    over = stack.mail(f"Over: {title}")
    assert "It is over: it fired from" in body(over, "plain")
    resolved = stack.hooked("webhook", lambda found: is_drift(found, "resolved"))
    assert [alert["labels"]["monitor"] for alert in resolved["alerts"]] == [DIABETES]
    assert not stack.prometheus.query(wanted)
    shown = [body(mail, "html") for mail in (told, over)]
    assert shown[0].count("<a href=") == shown[1].count("<a href=") == 3
    picture(shown, tmp_path)


def test_a_stale_monitor_is_all_that_is_heard_of(
    stack: Stack, evaluated: Callable[..., Evaluation], published: Callable[[Evaluation], None]
) -> None:
    stale = evaluated("forgotten", CLEAN, 4)
    published(stale)
    told = stack.mail("Warning: No new results of forgotten")
    assert f"ended {stale.window.end:%Y-%m-%d} 00:00 UTC" in body(told, "plain")
    assert f"{LINKS['airflow']}dags/monitor__forgotten" in body(told, "plain")
    (source,) = stack.alertmanager.alerts(alertname="MonitoringStale", monitor="forgotten")
    # Still days late.
    published(evaluated("forgotten", SHIFTED, 3))
    muted = wait_until(
        lambda: stack.alertmanager.alerts(monitor="forgotten", component="drift"), "drift alerts"
    )
    assert "DataDriftDetected" in {alert["labels"]["alertname"] for alert in muted}
    for alert in muted:
        assert alert["status"]["state"] == "suppressed"
        assert source["fingerprint"] in alert["status"]["inhibitedBy"]
    assert not [subject for subject in stack.subjects if "rift" in subject and "forgo" in subject]


def test_what_is_down_pages_somebody(stack: Stack) -> None:
    labels = {"alertname": "ModelServerDown", "severity": "critical", "component": "serving"}
    stack.alertmanager.tell(
        {**labels, "instance": "serving:8000"},
        summary="Model server serving:8000 is down",
        description="<b>No answer</b>",
        dashboard="https://grafana.example.com/d/mlflow-model-server",
    )
    subject = "Critical: Model server serving:8000 is down"
    page = stack.hooked("pagerduty", lambda _: True)
    assert page["routing_key"] == ROUTING_KEY
    assert page["payload"]["summary"] == subject
    assert page["payload"]["component"] == "serving"
    shown = body(stack.mail(subject), "html")
    assert html.escape("<b>No answer</b>") in shown
    slack = stack.hooked("slack", lambda found: found["attachments"][0]["title"] == subject)
    assert "&lt;b&gt;No answer" in slack["attachments"][0]["text"]


STALE = {"alertname": "MonitoringStale", "component": "monitoring", "severity": "warning"}
FAILED = {"alertname": "MonitoringJobFailed", "component": "monitoring", "severity": "warning"}
DRIFTED = {"alertname": "DataDriftDetected", "component": "drift", "severity": "warning"}
MISSING = {"alertname": "HighMissingValues", "component": "quality", "severity": "warning"}
WORSE = {"alertname": "ModelPerformanceDegraded", "component": "performance"}
UNPREDICTED = {
    "alertname": "PredictionFailureRate",
    "component": "quality",
    "severity": "critical",
}
VERDICT = {"alertname": "VerdictFailed", "component": "quality", "severity": "critical"}
MANY = {"alertname": "MultipleDriftedFeatures", "component": "drift", "severity": "warning"}
EXTRACT = {"alertname": "MonitoringJobFailed", "component": "mlflow", "job": "extract"}
SLOW = {"alertname": "HighLatency", "component": "serving", "endpoint": "/x"}
SLOW_MODEL = {"alertname": "HighModelLatency", "component": "serving", "model_name": "m"}


@pytest.mark.parametrize(
    ("source", "muted", "heard"),
    [
        pytest.param(
            STALE | {"monitor": "s1"},
            [target | {"monitor": "s1"} for target in (DRIFTED, MISSING, WORSE)],
            [DRIFTED | {"monitor": "s2"}, SLOW],
            id="stale",
        ),
        pytest.param(
            FAILED | {"monitor": "f1"},
            [target | {"monitor": "f1"} for target in (DRIFTED, MISSING, WORSE, STALE)],
            [DRIFTED | {"monitor": "f2"}, STALE | {"monitor": "f3"}],
            id="job failed",
        ),
        pytest.param(
            DRIFTED | {"monitor": "c1", "severity": "critical"},
            [DRIFTED | {"monitor": "c1"}],
            [MISSING | {"monitor": "c1"}, DRIFTED | {"monitor": "c2"}],
            id="critical",
        ),
        pytest.param(
            UNPREDICTED | {"monitor": "u1"},
            [VERDICT | {"monitor": "u1"}],
            [MISSING | {"monitor": "u1"}, VERDICT | {"monitor": "u2"}],
            id="a verdict that is explained",
        ),
        pytest.param(
            VERDICT | {"monitor": "v1"},
            [],
            [target | {"monitor": "v1"} for target in (DRIFTED, WORSE)],
            id="a verdict explains nothing",
        ),
        pytest.param(
            MANY | {"monitor": "n1"},
            [DRIFTED | {"monitor": "n1"}],
            [DRIFTED | {"monitor": "n2"}, MISSING | {"monitor": "n1"}],
            id="many columns",
        ),
        pytest.param(
            {"alertname": "MLflowServerDown", "component": "mlflow", "severity": "critical"},
            [EXTRACT, {"alertname": "MLflowExperimentFailure", "component": "mlflow"}],
            [FAILED | {"monitor": "m1"}],
            id="MLflow",
        ),
        pytest.param(
            {"alertname": "ModelServerDown", "component": "serving"},
            [SLOW, SLOW_MODEL],
            [DRIFTED | {"monitor": "d1"}],
            id="model server",
        ),
        pytest.param(
            STALE | {"job": "pushgateway", "instance": "a:9091"},
            [],
            [DRIFTED | {"monitor": "o1"}, STALE | {"monitor": "o2"}],
            id="one Pushgateway of several",
        ),
        pytest.param(SLOW, [SLOW_MODEL], [MISSING | {"monitor": "h1"}], id="slow requests"),
        pytest.param(
            STALE | {"job": "pushgateway"},
            [DRIFTED | {"monitor": "p1", "severity": "critical"}, STALE | {"monitor": "p1"}],
            [SLOW],
            id="Pushgateway",
        ),
    ],
)
def test_causes_mute_what_follows_from_them(
    told: Alertmanager,
    source: dict[str, str],
    muted: list[dict[str, str]],
    heard: list[dict[str, str]],
) -> None:
    told.tell(source, *muted, *heard, summary="A rule of inhibition")
    try:
        # The part that mutes hears of alerts a moment later than the part that is asked.
        for labels in muted:
            wait_until(partial(told.is_muted, labels), f"{labels} is muted", seconds=5)
        for labels in [source, *heard]:
            assert not told.is_muted(labels), labels
    finally:
        told.tell(source, *muted, *heard, over=True)


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body((kind,))
    assert part is not None
    return str(part.get_content())


def is_drift(found: dict[str, Any], status: str) -> bool:
    alerts = {(a["labels"]["alertname"], a["labels"].get("monitor")) for a in found["alerts"]}
    return found["status"] == status and ("DataDriftDetected", DIABETES) in alerts


def picture(pages: list[str], folder: Path) -> None:
    """Draw mails side by side as a reader sees them, for a person to look at."""
    frames = "".join(
        f'<iframe srcdoc="{html.escape(page)}" style="border:0;width:720px;height:640px"></iframe>'
        for page in pages
    )
    (folder / "mails.html").write_text(f"<body style='margin:0;width:1450px'>{frames}</body>")
    OUTPUT.mkdir(parents=True, exist_ok=True)
    drawn = OUTPUT / "alert-mails.png"
    drawn.unlink(missing_ok=True)
    draw(folder / "mails.html", drawn, width=1450, height=660)
    assert drawn.stat().st_size > 10_000
