"""What trigger forms ask for, and what they make of the answers before any data is read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from _forms import ExtractionForm, MaintenanceForm, MonitorForm, draft_asked

from monitoring_jobs.errors import InvalidParam
from monitoring_jobs.monitor_files import load_monitor, spec_of
from tests.dags.conftest import Airflow, WorkerError, write_monitor
from tests.dags.test_descriptions import WHOLE

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SPECS: list[dict[str, Any]] = [
    WHOLE,
    {**WHOLE, "checks": {"quality": {"columns": {"acid": {"missing_share": None}}}}},
    {**WHOLE, "checks": {"schema": False, "drift": False}},
    {
        "name": "sql",
        "data": {"source": "sql", "connection": "dwh", "table": "log", "timestamp": "ts"},
        "reference": {"source": "sql", "connection": "dwh", "table": "past"},
        "model": {"name": "m", "version": 3},
    },
]


# --- what is asked --------------------------------------------------------------------------------
def test_form_of_a_monitor_has_sections_with_help_and_needs_no_answer(
    airflow: Airflow, monitors: Path
) -> None:
    write_monitor(monitors, "wine", report={"when": "on_alert"})
    dag = airflow.call("load")["dags"]["monitor__wine"]
    assert dag["params"] == {
        "start": None,
        "end": None,
        "reference": None,
        "report": "on_alert",
        "publish": True,
    }
    form = dag["form"]
    assert {name: field["section"] for name, field in form.items()} == {
        "start": "Window",
        "end": "Window",
        "reference": "Reference",
        "report": "Report",
        "publish": "Publish",
    }
    assert all(form[name]["format"] == "date-time" for name in ("start", "end"))
    assert form["report"]["enum"] == list(form["report"]["values_display"])


def test_every_field_of_every_form_has_section_title_and_help(
    airflow: Airflow, monitors: Path
) -> None:
    write_monitor(monitors, "wine")
    for dag in airflow.call("load")["dags"].values():
        assert dag["params"], dag["display_name"]
        for name, field in dag["form"].items():
            assert field["section"], name
            assert field["title"], name
            assert dag["help"][name] or field["description_md"], name


@pytest.mark.parametrize(
    ("conf", "complaint"),
    [
        ({"report": "sometimes"}, "report"),
        ({"publish": "no"}, "publish"),
        ({"start": "yesterday"}, "start"),
        ({"reference": {"source": "trailing"}}, "reference"),
    ],
)
def test_command_line_and_rest_refuse_a_malformed_param_before_there_is_a_run(
    airflow: Airflow, monitors: Path, conf: dict[str, Any], complaint: str
) -> None:
    write_monitor(monitors, "wine")
    with pytest.raises(WorkerError, match=f"Invalid input for param {complaint}"):
        airflow.call("trigger", dag_id="monitor__wine", conf=conf)


def test_command_line_and_rest_take_what_the_form_takes(airflow: Airflow, monitors: Path) -> None:
    write_monitor(monitors, "wine")
    conf = {
        "start": "2026-11-01T00:00:00Z",
        "end": "2026-11-02T00:00:00+01:00",
        "reference": "{source: trailing, windows: 2}",
        "report": "never",
        "publish": False,
    }
    assert airflow.call("trigger", dag_id="monitor__wine", conf=conf) == conf


# --- what is made of the answers ------------------------------------------------------------------
def test_empty_form_asks_for_nothing_special() -> None:
    params = {"start": None, "end": "", "reference": " ", "report": "always", "publish": True}
    assert MonitorForm.read(params) == MonitorForm(report="always")
    assert MonitorForm.read({}) == MonitorForm()


def test_window_is_read_in_utc() -> None:
    params = {"start": "2026-11-01T01:00:00+01:00", "end": "2026-11-02T00:00:00.000Z"}
    form = MonitorForm.read(params)
    assert form.start == datetime(2026, 11, 1, tzinfo=UTC)
    assert form.end == datetime(2026, 11, 2, tzinfo=UTC)
    assert form.start.tzinfo is UTC


@pytest.mark.parametrize("publish", [True, False])
def test_window_of_the_form_has_ended_unless_nobody_is_told(*, publish: bool) -> None:
    params = {"start": "2026-11-01T00:00:00Z", "end": "2026-11-02T00:00:00Z", "publish": publish}
    form, end = MonitorForm.read(params), datetime(2026, 11, 2, tzinfo=UTC)
    form.require_past(end)
    early = end - timedelta(seconds=1)
    if publish:
        with pytest.raises(InvalidParam, match="param end: lies in the future"):
            form.require_past(early)
    else:
        form.require_past(early)


@pytest.mark.parametrize(
    ("params", "asked"),
    [
        ({"publish": False, "start": "2026-11-01T00:00:00Z"}, True),
        ({"publish": False, "repot": "never"}, True),
        ({"publish": "no"}, False),
        ({"publish": True}, False),
        ({}, False),
    ],
)
def test_draft_is_known_by_its_switch_whatever_else_is_wrong(
    params: dict[str, Any], *, asked: bool
) -> None:
    assert draft_asked(params) is asked


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"start": "2026-11-01T00:00:00Z"}, "param end: is empty, and start is not; give both"),
        (
            {"reference": "{source: mlflow_artifact, path: a.csv, run_id: 0}"},
            "param reference: run_id is read from monitor files only",
        ),
        ({"end": "2026-11-01T00:00:00Z"}, "param start: is empty, and end is not; give both"),
        (
            {"start": "2026-11-02T00:00:00Z", "end": "2026-11-02T00:00:00Z"},
            "param start: is not before end, so the window holds no time; give a start before",
        ),
        ({"start": "noon"}, "param start: 'noon' is no instant; write it like 2026"),
        ({"end": "2026-11-01"}, "param end: '2026-11-01' has no time zone; add Z"),
        ({"start": "9999-12-31T23:00:00-12:00"}, "is no instant"),
        ({"start": 5}, "param start: 5 is no instant"),
        ({"report": "no"}, "param report: 'no' is unknown; use one of always, on_alert, never"),
        ({"publish": "no"}, "param publish: 'no' is no switch; write true or false"),
        ({"repot": "never"}, "param repot: is unknown; did you mean report?"),
        ({"window": "1d"}, "param window: is unknown; known are start, end, reference"),
        ({"reference": ["a"]}, "param reference: is no text; put the mapping in quotes"),
        ({"reference": "[a, b]"}, "param reference: is a list; write a path"),
        ({"reference": "{source: trailing"}, "param reference: is not valid YAML; write a path"),
        (
            {"reference": "{source: sql, connection: x, query: DROP TABLE y}"},
            "param reference: SQL is read from monitor files only",
        ),
    ],
)
def test_answer_that_cannot_be_obeyed_is_one_line_with_the_param_and_the_cure(
    params: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(InvalidParam) as caught:
        MonitorForm.read(params)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "; " in str(caught.value)


@pytest.mark.parametrize(
    ("given", "source"),
    [
        ("past.parquet", {"source": "parquet", "path": "past.parquet"}),
        ("s3://bucket/past/", {"source": "parquet", "path": "s3://bucket/past/"}),
        ("  past.CSV.gz\n", {"source": "csv", "path": "past.CSV.gz"}),
        ("data/dt=2026-11-01/*.parquet", {"source": "parquet"}),
        ("{source: trailing, windows: 14}", {"source": "trailing", "windows": 14}),
        ("source: trailing\nskip: 2", {"source": "trailing", "skip": 2, "windows": 7}),
        (
            "{source: mlflow_artifact, path: reference.parquet}",
            {"source": "mlflow_artifact", "path": "reference.parquet"},
        ),
    ],
)
def test_reference_is_a_path_or_what_a_monitor_file_may_say(
    given: str, source: dict[str, Any]
) -> None:
    spec = MonitorForm.read({"reference": given}).applied_to(spec_of(WHOLE))
    assert source.items() <= spec.reference.model_dump().items()
    assert spec.spec_hash != spec_of(WHOLE).spec_hash, "the verdict has another meaning"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("{source: trailing, windos: 3}", "param reference.windos: unknown key; did you mean"),
        ("{source: trailing, windows: 0}", "param reference.windows: "),
        ("{source: magic}", "'magic' is not one of 'parquet'"),
        ("{windows: 3}", "param reference: source: is missing"),
        ("{source: mlflow_artifact, path: model.pkl}", "only .parquet and .csv artifacts"),
    ],
)
def test_reference_obeys_the_rules_of_monitor_files(given: str, complaint: str) -> None:
    with pytest.raises(InvalidParam) as caught:
        MonitorForm.read({"reference": given}).applied_to(spec_of(WHOLE))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("document", SPECS, ids=lambda d: d["name"])
def test_what_the_form_does_not_replace_stays_as_the_file_has_it(
    document: dict[str, Any], tmp_path: Path
) -> None:
    spec = spec_of(document).located_in(tmp_path)
    assert MonitorForm.read({}).applied_to(spec) is spec
    for when in ("always", "on_alert", "never"):
        twin = MonitorForm.read({"report": when}).applied_to(spec)
        assert twin.report.when == when
        assert twin.folder == tmp_path
        assert twin.model_copy(update={"report": spec.report}).spec_hash == spec.spec_hash
    twin = MonitorForm.read({"reference": "x.csv"}).applied_to(spec)
    back = twin.model_copy(update={"reference": spec.reference})
    assert back.spec_hash == spec.spec_hash
    for metric in ("missing_share", "outlier_share"):
        if spec.checks.quality and twin.checks.quality:
            limits = spec.checks.quality.limit(metric, "acid")
            assert twin.checks.quality.limit(metric, "acid") == limits


def test_every_monitor_file_of_the_repository_survives_the_form() -> None:
    files = sorted((Path(__file__).parents[2] / "dags" / "monitors").rglob("*.yaml"))
    for path in files:
        spec = load_monitor(path)
        twin = MonitorForm.read({"reference": "x.csv"}).applied_to(spec)
        assert twin.model_copy(update={"reference": spec.reference}).spec_hash == spec.spec_hash


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"since": "2026-11-01T00:00:00Z", "full": True}, "param since: says less than full"),
        ({"since": "2026-11-22T00:00:00Z"}, "param since: lies in the future"),
        ({"since": "2026-11-01"}, "param since: '2026-11-01' has no time zone"),
        ({"full": "yes"}, "param full: 'yes' is no switch"),
        ({"ful": True}, "param ful: is unknown; did you mean full?"),
    ],
)
def test_extraction_refuses_what_it_cannot_obey(params: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidParam, match=complaint.replace("?", r"\?")):
        ExtractionForm.read(params, now=NOW)


def test_extraction_tells_what_it_reads() -> None:
    for params, told in (
        ({}, "what is new"),
        ({"full": True}, "everything"),
        ({"since": "2026-11-01T00:00:00Z", "full": False}, "from 2026-11-01T00:00:00+00:00 on"),
    ):
        assert str(ExtractionForm.read(params, now=NOW)) == told


def test_maintenance_keeps_all_unless_it_is_told_otherwise() -> None:
    assert str(MaintenanceForm.read({})) == "Postgres keeps all, report store keeps all"
    form = MaintenanceForm.read({"retention_days": 30, "report_retention_days": None})
    assert (form.retention, form.report_retention) == (timedelta(days=30), None)
    for wrong in (0, -1, "30", True, 10**9):
        with pytest.raises(InvalidParam, match=r"param retention_days: .* is no number of days"):
            MaintenanceForm.read({"retention_days": wrong})
