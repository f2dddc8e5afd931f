"""From a real MLflow server into a real Postgres. The runs lie in 2020, apart from other tests'."""

from __future__ import annotations

import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from monitoring_jobs.errors import InvalidSettings, SchemaMismatch, TerminalError, TrackingRefused
from monitoring_jobs.extract import ExtractionSummary, extract_runs
from monitoring_jobs.mlflow_entities import DatasetInput, Metric, Run
from monitoring_jobs.settings import Settings
from tests.fixtures.extraction import HOUR, NOON, Extract, Query, add_run, ms
from tests.fixtures.mlflow_server import running_server

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient


# --- what is stored -----------------------------------------------------------------------------
def test_run_lands_with_metrics_params_tags_and_datasets(
    mlflow_client: MlflowClient, an_experiment: str, extract: Extract, query: Query
) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    run_id = add_run(mlflow_client, an_experiment, metrics={"auc": 0.5}, end=None)
    mlflow_client.log_param(run_id, "note", "tab\t, backslash \\N, line\nbreak, Grüße 🍷")
    mlflow_client.set_tag(run_id, "team", "'; DROP TABLE mlflow_run; --")
    wine = Dataset(name="wine", digest="d1", source_type="s3", source='{"uri": "s3://b/wine"}')
    training = InputTag("mlflow.data.context", "training")
    mlflow_client.log_inputs(run_id, [DatasetInput(wine, [training])])
    mlflow_client.set_terminated(run_id, end_time=ms(NOON + HOUR))

    extract()

    assert query("SELECT * FROM mlflow_run WHERE experiment_id = %s", an_experiment) == [
        (
            run_id,
            an_experiment,
            mlflow_client.get_run(run_id).info.run_name,
            "FINISHED",
            "active",
            mlflow_client.get_run(run_id).info.user_id,
            NOON,
            NOON + HOUR,
            mlflow_client.get_run(run_id).info.artifact_uri,
        )
    ]
    assert query("SELECT * FROM mlflow_run_metric WHERE run_id = %s", run_id) == [
        (run_id, "auc", 0.5, 3, NOON)
    ]
    assert query("SELECT name, value FROM mlflow_run_param WHERE run_id = %s", run_id) == [
        ("note", "tab\t, backslash \\N, line\nbreak, Grüße 🍷")
    ]
    assert ("team", "'; DROP TABLE mlflow_run; --") in query(
        "SELECT name, value FROM mlflow_run_tag WHERE run_id = %s", run_id
    )
    assert query("SELECT * FROM mlflow_run_dataset WHERE run_id = %s", run_id) == [
        (run_id, "wine", "d1", "training", "s3", '{"uri": "s3://b/wine"}')
    ]
    [(stage,)] = query(
        "SELECT lifecycle_stage FROM mlflow_experiment WHERE experiment_id = %s", an_experiment
    )
    assert stage == "active"


def test_f53_odd_runs_and_metrics_are_kept(
    mlflow_client: MlflowClient, an_experiment: str, extract: Extract, query: Query
) -> None:
    odd = {"nan": float("nan"), "inf": float("inf"), "low": -float("inf"), "fine": 1.0}
    running = add_run(mlflow_client, an_experiment, metrics=odd, end=None)
    killed = add_run(mlflow_client, an_experiment, status="KILLED")
    mlflow_client.log_param(killed, "long", "x" * 6000)

    extract()

    assert sorted(
        query(
            "SELECT run_id, status, ended_at FROM mlflow_run WHERE experiment_id=%s", an_experiment
        )
    ) == sorted([(running, "RUNNING", None), (killed, "KILLED", NOON + HOUR)])
    assert query(
        "SELECT name, value FROM mlflow_run_metric WHERE run_id = %s ORDER BY name", running
    ) == [("fine", 1.0), ("inf", None), ("low", None), ("nan", None)]
    assert query("SELECT length(value) FROM mlflow_run_param WHERE run_id=%s", killed) == [(6000,)]


def test_registry_lands_with_models_and_versions(
    a_model: str, mlflow_client: MlflowClient, extract: Extract, query: Query
) -> None:
    mlflow_client.set_model_version_tag(a_model, "2", "reviewed", "yes")

    summary = extract()

    assert summary.models >= 1
    assert summary.versions >= 3
    assert query("SELECT description FROM mlflow_registered_model WHERE name = %s", a_model) == [
        ("wine",)
    ]
    assert query(
        "SELECT version, status, tags FROM mlflow_model_version WHERE model_name = %s"
        " ORDER BY version",
        a_model,
    ) == [("1", "READY", {}), ("2", "READY", {"reviewed": "yes"}), ("3", "READY", {})]


# --- again and again ------------------------------------------------------------------------------
def test_second_extraction_changes_nothing(
    a_model: str, mlflow_client: MlflowClient, an_experiment: str, extract: Extract
) -> None:
    add_run(mlflow_client, an_experiment, metrics={"nan": float("nan"), "auc": 0.5})
    extract(full=True)

    assert extract(full=True).changed == 0
    assert extract().changed == 0


def test_incremental_extraction_reads_what_ended_since_with_an_overlap(
    mlflow_client: MlflowClient, an_experiment: str, extract: Extract, query: Query
) -> None:
    extract(NOON + 8 * HOUR)
    add_run(mlflow_client, an_experiment, end=NOON + 6.5 * HOUR)
    told_late = add_run(mlflow_client, an_experiment, end=NOON + 7.5 * HOUR)
    new = add_run(mlflow_client, an_experiment, end=NOON + 9 * HOUR)

    summary = extract(NOON + 10 * HOUR)

    assert (summary.full, summary.since) == (False, NOON + 7 * HOUR)
    assert query(
        "SELECT run_id FROM mlflow_run WHERE experiment_id = %s ORDER BY ended_at", an_experiment
    ) == [(told_late,), (new,)]


def test_run_that_had_not_ended_is_read_until_it_has(
    mlflow_client: MlflowClient, an_experiment: str, extract: Extract, query: Query
) -> None:
    run_id = add_run(mlflow_client, an_experiment, end=None)
    extract(NOON + 8 * HOUR)
    # Its machine's clock was slow: no search by the watermark would find it.
    mlflow_client.set_terminated(run_id, "FAILED", end_time=ms(NOON + HOUR))
    mlflow_client.log_metric(run_id, "auc", 0.7)

    extract(NOON + 10 * HOUR)

    assert query("SELECT status, ended_at FROM mlflow_run WHERE run_id = %s", run_id) == [
        ("FAILED", NOON + HOUR)
    ]
    assert query("SELECT value FROM mlflow_run_metric WHERE run_id = %s", run_id) == [(0.7,)]


@pytest.mark.parametrize("status", ["RUNNING", "SCHEDULED"])
def test_incremental_extraction_finds_new_runs_that_have_not_ended(
    mlflow_client: MlflowClient, an_experiment: str, extract: Extract, query: Query, status: str
) -> None:
    extract(NOON + 8 * HOUR)
    run_id = add_run(mlflow_client, an_experiment, metrics={"auc": 0.5}, end=None)
    mlflow_client.update_run(run_id, status=status)

    assert not extract(NOON + 9 * HOUR).full

    assert query(
        "SELECT status FROM mlflow_run JOIN mlflow_run_metric USING (run_id) WHERE run_id = %s",
        run_id,
    ) == [(status,)]


def test_runs_of_many_experiments_are_all_read(
    mlflow_client: MlflowClient, extract: Extract, query: Query
) -> None:
    names = [f"extract-many-{uuid.uuid4().hex}" for _ in range(20)]
    run_ids = [
        add_run(mlflow_client, mlflow_client.create_experiment(name), metrics={"n": 1.0})
        for name in names
    ]

    extract(full=True)

    assert query("SELECT count(*) FROM mlflow_run_metric WHERE run_id = ANY(%s)", run_ids) == [
        (20,)
    ]


def test_run_that_was_erased_by_hand_comes_back_beside_what_is_left_of_it(
    mlflow_client: MlflowClient, an_experiment: str, extract: Extract, query: Query
) -> None:
    run_id = add_run(mlflow_client, an_experiment, metrics={"auc": 0.5, "loss": 0.1})
    extract(full=True)
    query("DELETE FROM mlflow_run WHERE run_id = %s", run_id)
    query("UPDATE mlflow_run_metric SET value = 7 WHERE run_id = %s AND name = 'auc'", run_id)

    assert extract(full=True).changed == 2

    assert query(
        "SELECT metric.name, value FROM mlflow_run_metric AS metric"
        " JOIN mlflow_run USING (run_id) WHERE run_id = %s ORDER BY 1",
        run_id,
    ) == [("auc", 0.5), ("loss", 0.1)]


def test_dataset_that_a_run_names_twice_is_stored_once(writer_url: str, query: Query) -> None:
    from monitoring_jobs.database import transaction
    from monitoring_jobs.sinks.mlflow_tables import MlflowTables

    wine = DatasetInput(name="wine", digest="d1", source="s3://b/wine")
    state = {"experiment_id": "1", "status": "FINISHED", "lifecycle_stage": "active"}
    run = Run(run_id="a" * 32, datasets=(wine, wine), **state)
    for changed in (2, 0):
        with transaction(writer_url) as connection:
            tables = MlflowTables(connection)
            tables.begin("http://mlflow")
            tables.add_seen([run.run_id])
            tables.add_runs([run])
            assert tables.merge(everything=False, at=NOON).changed == changed

    assert query("SELECT run_id, name, digest FROM mlflow_run_dataset") == [
        ("a" * 32, "wine", "d1")
    ]


def test_f51_run_that_was_removed_for_good_is_skipped_with_count(
    mlflow_client: MlflowClient, an_experiment: str, extract: Extract, query: Query
) -> None:
    extract()
    query(
        "INSERT INTO mlflow_run (run_id, experiment_id, status, lifecycle_stage) VALUES"
        " ('gone1', %s, 'RUNNING', 'active'), ('gone2', 'no such', 'SCHEDULED', 'active')",
        an_experiment,
    )

    assert extract().skipped == 2
    assert query("SELECT lifecycle_stage FROM mlflow_run WHERE run_id LIKE 'gone_'") == [
        ("deleted",),
        ("deleted",),
    ]
    assert extract().skipped == 0


@pytest.mark.parametrize("full", [False, True])
def test_f52_rerun_reads_the_same_runs_though_others_have_come(
    mlflow_client: MlflowClient, an_experiment: str, extract: Extract, query: Query, full: bool
) -> None:
    inside = add_run(mlflow_client, an_experiment, end=NOON + 3.9 * HOUR)
    first = extract(NOON + 4 * HOUR, full=full)
    add_run(mlflow_client, an_experiment, end=NOON + 4 * HOUR)
    add_run(mlflow_client, an_experiment, start=NOON + 5 * HOUR, end=NOON + 6 * HOUR)
    add_run(mlflow_client, an_experiment, start=NOON + 5 * HOUR, end=None)

    again = extract(NOON + 4 * HOUR, full=full)

    assert again.changed == 0
    assert again.runs <= first.runs
    assert query("SELECT run_id FROM mlflow_run WHERE experiment_id = %s", an_experiment) == [
        (inside,)
    ]
    extract(NOON + 7 * HOUR)
    assert query("SELECT count(*) FROM mlflow_run WHERE experiment_id = %s", an_experiment) == [
        (4,)
    ]


def test_rerun_of_an_earlier_extraction_does_not_turn_the_watermark_back(
    extract: Extract, query: Query, mlflow_uri: str
) -> None:
    extract(NOON + 8 * HOUR)
    extract(NOON + 2 * HOUR)

    assert query("SELECT tracking_server, watermark FROM mlflow_extraction") == [
        (mlflow_uri, NOON + 8 * HOUR)
    ]


def test_since_reads_more_and_never_less(
    mlflow_client: MlflowClient, an_experiment: str, extract: Extract
) -> None:
    extract(NOON)

    assert extract(NOON + HOUR, since=NOON - 24 * HOUR).since == NOON - 24 * HOUR
    assert extract(NOON + 9 * HOUR, since=NOON + 8 * HOUR).since == NOON


def test_first_extraction_since_an_instant_leaves_older_runs_to_the_first_full_one(
    mlflow_client: MlflowClient, an_experiment: str, extract: Extract, query: Query
) -> None:
    add_run(mlflow_client, an_experiment, start=NOON - 50 * HOUR, end=NOON - 48 * HOUR)
    recent = add_run(mlflow_client, an_experiment)
    count = "SELECT run_id FROM mlflow_run WHERE experiment_id = %s"

    extract(since=NOON - HOUR)
    assert query(count, an_experiment) == [(recent,)]

    assert extract().full
    assert len(query(count, an_experiment)) == 2


def test_everything_is_compared_once_a_week(extract: Extract) -> None:
    assert extract(NOON).full
    assert not extract(NOON + timedelta(days=6, hours=23)).full
    assert extract(NOON + timedelta(days=7)).full
    assert not extract(NOON + timedelta(days=8)).full


def test_full_extraction_notices_late_edits_and_deletions(
    mlflow_client: MlflowClient, an_experiment: str, extract: Extract, query: Query
) -> None:
    edited = add_run(mlflow_client, an_experiment)
    deleted = add_run(mlflow_client, an_experiment)
    mlflow_client.set_tag(edited, "old", "1")
    mlflow_client.set_tag(edited, "kept", "1")
    extract(NOON + 4 * HOUR)
    mlflow_client.delete_tag(edited, "old")
    mlflow_client.set_tag(edited, "kept", "2")
    mlflow_client.log_metric(edited, "late", 1.0)
    mlflow_client.update_run(edited, name="renamed")
    mlflow_client.delete_run(deleted)
    mlflow_client.rename_experiment(an_experiment, name := f"renamed-{an_experiment}")
    extract(NOON + 20 * HOUR)
    assert query("SELECT name FROM mlflow_run_metric WHERE run_id = %s", edited) == []

    extract(NOON + 20 * HOUR, full=True)

    tags = dict(query("SELECT name, value FROM mlflow_run_tag WHERE run_id = %s", edited))
    assert (tags.get("old"), tags.get("kept")) == (None, "2")
    assert query("SELECT name FROM mlflow_run_metric WHERE run_id = %s", edited) == [("late",)]
    assert dict(
        query(
            "SELECT name, lifecycle_stage FROM mlflow_run WHERE run_id IN (%s, %s)", edited, deleted
        )
    ) == {
        "renamed": "active",
        mlflow_client.get_run(deleted).info.run_name: "deleted",
    }
    assert query("SELECT name FROM mlflow_experiment WHERE experiment_id = %s", an_experiment) == [
        (name,)
    ]


def test_many_pages_are_read_whole(
    mlflow_client: MlflowClient,
    an_experiment: str,
    extract: Extract,
    query: Query,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("monitoring_jobs.tracking.client.RUNS_PER_PAGE", 3)
    for number in range(8):
        add_run(mlflow_client, an_experiment, metrics={"n": number})
    told: list[tuple[int, int | None]] = []

    extract(progress=lambda done, total: told.append((done, total)))

    assert query(
        "SELECT count(*), sum(value) FROM mlflow_run_metric"
        " JOIN mlflow_run USING (run_id) WHERE experiment_id = %s",
        an_experiment,
    ) == [(8, 28.0)]
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert len(told) >= 3


# --- aliases --------------------------------------------------------------------------------------
HISTORY = (
    "SELECT alias, version, valid_from, valid_to FROM mlflow_alias_history"
    " WHERE model_name = %s ORDER BY valid_from, alias"
)


def test_alias_that_moves_closes_one_row_and_opens_the_next(
    a_model: str, mlflow_client: MlflowClient, extract: Extract, query: Query
) -> None:
    mlflow_client.set_registered_model_alias(a_model, "champion", "1")
    extract(NOON)
    extract(NOON + HOUR)
    mlflow_client.set_registered_model_alias(a_model, "champion", "2")
    extract(NOON + 2 * HOUR)
    mlflow_client.delete_registered_model_alias(a_model, "champion")
    extract(NOON + 3 * HOUR)
    mlflow_client.set_registered_model_alias(a_model, "champion", "2")
    extract(NOON + 4 * HOUR)

    assert query(HISTORY, a_model) == [
        ("champion", "1", NOON, NOON + 2 * HOUR),
        ("champion", "2", NOON + 2 * HOUR, NOON + 3 * HOUR),
        ("champion", "2", NOON + 4 * HOUR, None),
    ]


def test_alias_that_moves_between_reruns_of_one_instant_leaves_one_row(
    a_model: str, mlflow_client: MlflowClient, extract: Extract, query: Query
) -> None:
    mlflow_client.set_registered_model_alias(a_model, "champion", "1")
    mlflow_client.set_registered_model_alias(a_model, "challenger", "2")
    extract(NOON)
    mlflow_client.set_registered_model_alias(a_model, "champion", "3")
    mlflow_client.delete_registered_model_alias(a_model, "challenger")
    extract(NOON)

    assert query(HISTORY, a_model) == [("champion", "3", NOON, None)]


def test_alias_seen_by_a_rerun_of_an_earlier_extraction_starts_when_it_can_have(
    a_model: str, mlflow_client: MlflowClient, extract: Extract, query: Query
) -> None:
    mlflow_client.set_registered_model_alias(a_model, "champion", "1")
    extract(NOON)
    extract(NOON + 2 * HOUR)
    mlflow_client.set_registered_model_alias(a_model, "champion", "2")
    extract(NOON + HOUR)

    assert query(HISTORY, a_model) == [
        ("champion", "1", NOON, NOON + 2 * HOUR),
        ("champion", "2", NOON + 2 * HOUR, None),
    ]


def test_deleted_model_leaves_its_alias_history(
    a_model: str, mlflow_client: MlflowClient, extract: Extract, query: Query
) -> None:
    mlflow_client.set_registered_model_alias(a_model, "champion", "1")
    extract(NOON)
    mlflow_client.delete_registered_model_alias(a_model, "champion")
    mlflow_client.delete_registered_model(a_model)
    extract(NOON + HOUR)

    assert query("SELECT 1 FROM mlflow_registered_model WHERE name = %s", a_model) == []
    assert query("SELECT 1 FROM mlflow_model_version WHERE model_name = %s", a_model) == []
    assert query(HISTORY, a_model) == [("champion", "1", NOON, NOON + HOUR)]


# --- two at once, and what is refused -------------------------------------------------------------
def test_two_extractions_at_once_leave_what_one_leaves(
    a_model: str, mlflow_client: MlflowClient, an_experiment: str, extract: Extract, query: Query
) -> None:
    mlflow_client.set_registered_model_alias(a_model, "champion", "1")
    for number in range(5):
        add_run(mlflow_client, an_experiment, metrics={"n": number})
    start = threading.Barrier(2)
    found: list[ExtractionSummary] = []

    def work() -> None:
        start.wait()
        found.append(extract(NOON + 4 * HOUR, full=True))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 2
    assert min(summary.changed for summary in found) == 0
    assert query("SELECT count(*) FROM mlflow_run WHERE experiment_id = %s", an_experiment) == [
        (6,)
    ]
    assert query(HISTORY, a_model) == [("champion", "1", NOON + 4 * HOUR, None)]
    assert extract(NOON + 4 * HOUR, full=True).changed == 0


def test_missing_server_and_missing_database_are_named(writer_url: str, mlflow_uri: str) -> None:
    with pytest.raises(InvalidSettings, match="MLFLOW_TRACKING_URI"):
        extract_runs(Settings(database_url=writer_url, mlflow_tracking_uri=None))
    with pytest.raises(InvalidSettings, match="MONITORING_DATABASE_URL"):
        extract_runs(Settings(database_url=None, mlflow_tracking_uri=mlflow_uri))


def test_f38_database_that_is_not_migrated_is_refused(
    empty_database_url: str, mlflow_uri: str
) -> None:
    settings = Settings(database_url=empty_database_url, mlflow_tracking_uri=mlflow_uri)

    with pytest.raises(SchemaMismatch, match="migrate"):
        extract_runs(settings)


def test_f55_refused_extraction_leaves_the_tables_as_they_were(
    writer_url: str, mlflow_uri: str, extract: Extract, query: Query
) -> None:
    extract(NOON)
    before = query("SELECT * FROM mlflow_extraction")
    foreign = mlflow_uri.replace("127.0.0.1", "127.1")
    settings = Settings(database_url=writer_url, mlflow_tracking_uri=foreign)

    with pytest.raises(TrackingRefused, match="MLFLOW_SERVER_ALLOWED_HOSTS"):
        extract_runs(settings, now=NOON + HOUR)

    assert query("SELECT * FROM mlflow_extraction") == before


@pytest.mark.parametrize("since", [None, NOON])
def test_server_that_knows_none_of_the_experiments_erases_nothing(
    since: datetime | None,
    writer_url: str,
    mlflow_environment: dict[str, str],
    other_mlflow: str,
    a_model: str,
    extract: Extract,
    query: Query,
) -> None:
    extract()
    before = _everything(query)
    foreign = Settings(
        database_url=writer_url,
        mlflow_tracking_uri=other_mlflow.replace("://", "://someone:canary-f63@"),
    )

    with pytest.raises(TerminalError, match="knows none of the experiments") as caught:
        extract_runs(foreign, now=NOON + 5 * HOUR, since=since)

    assert other_mlflow in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "a database per MLflow server" in caught.value.cure
    assert _everything(query) == before
    assert extract(full=True).changed == 0


def test_server_that_moved_to_another_address_goes_on(
    writer_url: str, mlflow_uri: str, a_model: str, extract: Extract, query: Query
) -> None:
    extract()
    before = _everything(query)
    moved = Settings(
        database_url=writer_url, mlflow_tracking_uri=mlflow_uri.replace("127.0.0.1", "localhost")
    )

    assert extract_runs(moved, now=NOON + 4 * HOUR).changed == 0

    assert _everything(query) == before
    assert len(query("SELECT * FROM mlflow_extraction")) == 2


@pytest.fixture(scope="module")
def other_mlflow(
    tmp_path_factory: pytest.TempPathFactory, mlflow_environment: dict[str, str]
) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("other-mlflow")) as uri:
        yield uri


def _everything(query: Query) -> list[list[tuple[Any, ...]]]:
    tables = ("experiment", "run", "run_metric", "registered_model", "model_version")
    return [
        query(f"SELECT * FROM mlflow_{table} ORDER BY 1, 2") for table in (*tables, "alias_history")
    ]


def test_f63_credentials_of_the_server_are_neither_stored_nor_told(
    writer_url: str, mlflow_uri: str, query: Query, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    secretive = mlflow_uri.replace("://", "://someone:canary-f63@")

    summary = extract_runs(
        Settings(database_url=writer_url, mlflow_tracking_uri=secretive), now=NOON
    )

    assert query("SELECT tracking_server FROM mlflow_extraction") == [(mlflow_uri,)]
    assert "canary" not in f"{summary!r} {summary} {summary.as_dict()}"
    assert "extracted" in caplog.text
    assert "canary" not in caplog.text
    assert not any("canary" in str(vars(record)) for record in caplog.records)


def test_importing_the_job_loads_none_of_the_heavy_libraries() -> None:
    heavy = ("mlflow", "psycopg2", "pandas", "numpy", "prometheus_client", "requests")
    program = (
        f"import sys, monitoring_jobs.extract; print([m for m in {heavy} if m in sys.modules])"
    )

    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert found.stdout.strip() == "[]"


def test_merge_stays_fast_where_postgres_takes_big_tables_for_small_ones(
    writer_url: str, query: Query
) -> None:
    """Autovacuum counts when it likes: planned on an old count, a merge was quadratic."""
    from monitoring_jobs.database import transaction
    from monitoring_jobs.sinks.mlflow_tables import MlflowTables

    def merge(prefix: str, count: int) -> int:
        metrics = tuple(Metric(name=f"m{n}", value=n, step=0, logged_at=NOON) for n in range(10))
        state = {"experiment_id": "1", "status": "FINISHED", "lifecycle_stage": "active"}
        runs = [Run(run_id=f"{prefix}{n:031}", metrics=metrics, **state) for n in range(count)]
        # Each statement takes well under a second; without the indexes one took over ten.
        with transaction(writer_url, statement_timeout_seconds=6) as connection:
            tables = MlflowTables(connection)
            tables.begin("http://mlflow")
            tables.add_seen(run.run_id for run in runs)
            tables.add_runs(runs)
            return tables.merge(everything=False, at=NOON).changed

    merge("a", 2_000)
    query("ANALYZE mlflow_run, mlflow_run_metric")
    merge("b", 15_000)

    assert merge("b", 15_000) == 0
