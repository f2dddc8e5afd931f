"""The report store on a real folder, in memory, and on a real S3 server (moto)."""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.connection
import os
import resource
import signal
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring_jobs.errors import MonitoringError, StaleAttempt, StoreRefused, StoreUnavailable
from monitoring_jobs.reports.files import Change
from monitoring_jobs.reports.local_files import LocalFiles
from monitoring_jobs.reports.places import open_files
from monitoring_jobs.reports.store import ReportStore, read_folder, read_report, write_folder
from monitoring_jobs.windows import Window
from tests.fixtures.evaluations import COMPUTED, DAY, day, make_evaluation

HTML = "<html>the report</html>"
SOON = datetime.now(UTC) + timedelta(days=2)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def s3_bucket(s3_endpoint: str) -> Iterator[str]:
    """One bucket for all tests, which write below folders of their own: connections stay open."""
    import boto3

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", s3_endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        boto3.client("s3").create_bucket(Bucket="reports")
        yield "s3://reports"


@pytest.fixture(params=["folder", "memory", "s3"])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "store")
    if request.param == "memory":
        return f"memory://{uuid.uuid4().hex}"
    return f"{request.getfixturevalue('s3_bucket')}/{uuid.uuid4().hex}"


@pytest.fixture
def store(location: str) -> ReportStore:
    return ReportStore.open(location)


def files_of(location: str) -> list[str]:
    return open_files(location).find("")


def test_what_was_put_is_what_is_got(store: ReportStore) -> None:
    stored = store.put(make_evaluation(), HTML)
    assert store.get("wine_quality", DAY) == stored
    assert stored.report == "report-first.html"
    assert store.report_html("wine_quality", DAY) == HTML


def test_layout_is_monitor_then_window(store: ReportStore, location: str) -> None:
    store.put(make_evaluation(), HTML)
    folder = "wine_quality/20261120T000000Z--20261121T000000Z"
    assert files_of(location) == [f"{folder}/evaluation.json", f"{folder}/report-first.html"]
    assert store.location("wine_quality", DAY).endswith(folder)


def test_evaluation_without_report(store: ReportStore) -> None:
    assert store.put(make_evaluation(), None).report is None
    assert store.report_html("wine_quality", DAY) is None


def test_f26_rerun_replaces_evaluation_and_report(store: ReportStore, location: str) -> None:
    store.put(make_evaluation(), HTML)
    later = COMPUTED + timedelta(minutes=5)
    store.put(make_evaluation(attempt="second", computed_at=later), "<html>new</html>")
    assert store.get("wine_quality", DAY).attempt == "second"
    assert store.report_html("wine_quality", DAY) == "<html>new</html>"
    assert len(files_of(location)) == 2


def test_f26_rerun_without_report_removes_the_old_one(store: ReportStore, location: str) -> None:
    store.put(make_evaluation(), HTML)
    store.put(make_evaluation(attempt="second"), None)
    assert [name.rpartition("/")[2] for name in files_of(location)] == ["evaluation.json"]


def test_f26_putting_the_same_attempt_twice_keeps_its_report(store: ReportStore) -> None:
    store.put(make_evaluation(), HTML)
    store.put(make_evaluation(), HTML)
    assert store.report_html("wine_quality", DAY) == HTML


def test_f28_stale_attempt_is_refused_and_leaves_nothing(store: ReportStore, location: str) -> None:
    store.put(make_evaluation(attempt="second"), HTML)
    before = files_of(location)
    older = make_evaluation(attempt="zombie", computed_at=COMPUTED - timedelta(seconds=1))
    with pytest.raises(StaleAttempt, match="wine_quality for 2026-11-20"):
        store.put(older, "<html>old</html>")
    assert files_of(location) == before
    assert store.report_html("wine_quality", DAY) == HTML


def test_listing_by_monitor_and_window(store: ReportStore) -> None:
    for number in (2, 0, 1):
        store.put(make_evaluation(window=day(number)), HTML)
    store.put(make_evaluation(monitor="house.price"), None)
    assert store.monitors() == ["house.price", "wine_quality"]
    assert store.windows("wine_quality") == [day(0), day(1), day(2)]
    assert store.windows("unknown") == []


def test_latest_is_the_window_that_ends_last(store: ReportStore) -> None:
    assert store.latest("wine_quality") is None
    for number in (1, 3, 2):
        store.put(make_evaluation(window=day(number)), None)
    latest = store.latest("wine_quality")
    assert latest is not None
    assert latest.window == day(3)


def test_empty_store_lists_nothing(store: ReportStore) -> None:
    assert store.monitors() == []
    assert store.sweep_orphans(HOUR, SOON) == 0


def test_deleted_window_is_gone(store: ReportStore, location: str) -> None:
    store.put(make_evaluation(), HTML)
    store.put(make_evaluation(window=day(1)), HTML)
    store.delete("wine_quality", DAY)
    store.delete("wine_quality", DAY)
    assert store.windows("wine_quality") == [day(1)]
    with pytest.raises(StoreRefused, match="no evaluation of wine_quality"):
        store.get("wine_quality", DAY)
    store.delete("wine_quality", day(1))
    assert files_of(location) == []
    assert store.monitors() == []


def test_window_with_microseconds_survives(store: ReportStore) -> None:
    window = Window(DAY.start + timedelta(microseconds=1), DAY.end)
    store.put(make_evaluation(window=window), None)
    assert store.windows("wine_quality") == [window]


def test_attempt_id_of_any_form_makes_a_safe_file_name(store: ReportStore) -> None:
    stored = store.put(make_evaluation(attempt="manual__2026-11-21T00:00+00:00/../x"), HTML)
    assert stored.report is not None
    assert "/" not in stored.report
    assert store.report_html("wine_quality", DAY) == HTML


@pytest.mark.parametrize(
    "name",
    ["", "..", ".", "../etc", "a/../../b", "/etc/passwd", "a\0b", "%2e%2e%2f", "a\n", "a b", "ä"],
)
def test_f18_monitor_names_that_lead_elsewhere_are_refused(store: ReportStore, name: str) -> None:
    calls = (
        lambda: store.get(name, DAY),
        lambda: store.latest(name),
        lambda: store.windows(name),
        lambda: store.report_html(name, DAY),
        lambda: store.delete(name, DAY),
        lambda: store.location(name, DAY),
        lambda: store.put(make_evaluation(monitor=name), HTML),
    )
    for call in calls:
        with pytest.raises(StoreRefused, match="not the name of a monitor"):
            call()


def test_f18_report_name_inside_a_forged_evaluation_is_refused(
    store: ReportStore, location: str
) -> None:
    store.put(make_evaluation(), None)
    name = "wine_quality/20261120T000000Z--20261121T000000Z/evaluation.json"
    forged = replace(make_evaluation(), report="../../../../etc/passwd")
    open_files(location).write(name, forged.to_json().encode())
    with pytest.raises(StoreRefused, match="no proper report"):
        store.report_html("wine_quality", DAY)


def test_f18_symbolic_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    ReportStore.open(outside).put(make_evaluation(monitor="elsewhere"), HTML)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "wine_quality").symlink_to(outside / "elsewhere")
    with pytest.raises(StoreRefused, match="symbolic link"):
        ReportStore.open(tmp_path / "store").get("wine_quality", DAY)


@pytest.mark.parametrize("url", ["ftp://host/x", "http://host/x", "github://o:r@/", ""])
def test_f18_url_of_another_scheme_is_refused(url: str) -> None:
    with pytest.raises(StoreRefused, match="report store"):
        ReportStore.open(url)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"schema_version": 99}', b"\xff"])
def test_broken_evaluation_is_named_and_healed_by_a_rerun(
    store: ReportStore, location: str, content: bytes
) -> None:
    store.put(make_evaluation(), HTML)
    name = "wine_quality/20261120T000000Z--20261121T000000Z/evaluation.json"
    open_files(location).write(name, content)
    with pytest.raises(StoreRefused, match=r"evaluation\.json is not an evaluation"):
        store.get("wine_quality", DAY)
    store.put(make_evaluation(), HTML)
    assert store.report_html("wine_quality", DAY) == HTML


def test_report_that_somebody_removed_is_named(store: ReportStore, location: str) -> None:
    stored = store.put(make_evaluation(), HTML)
    folder = "wine_quality/20261120T000000Z--20261121T000000Z"
    open_files(location).remove(f"{folder}/{stored.report}")
    with pytest.raises(StoreRefused, match=r"report-first\.html is gone"):
        store.report_html("wine_quality", DAY)


def test_f11_lone_surrogates_do_not_break_the_store(store: ReportStore) -> None:
    store.put(make_evaluation(owner="a\ud800b"), "<html>\udfff</html>")
    assert store.get("wine_quality", DAY).owner == "a\ufffdb"
    assert store.report_html("wine_quality", DAY) == "<html>\ufffd</html>"


# --- killed, and many at once ---------------------------------------------------------------------
class KilledBeforeCommit(LocalFiles):
    """A folder whose writer is killed between the report and evaluation.json."""

    def update(self, name: str, change: Change) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class KilledWhileWriting(LocalFiles):
    """A folder whose writer is killed with half of the report on disk."""

    def write(self, name: str, content: bytes) -> None:
        path = self._path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp").write_bytes(content[:3])
        os.kill(os.getpid(), signal.SIGKILL)


def put_and_die(files: type[LocalFiles], root: Path, attempt: str) -> None:
    ReportStore(files(root)).put(make_evaluation(attempt=attempt), HTML)


def killed(files: type[LocalFiles], root: Path, attempt: str) -> None:
    child = multiprocessing.get_context("spawn").Process(
        target=put_and_die, args=(files, root, attempt)
    )
    child.start()
    child.join(60)
    assert child.exitcode == -signal.SIGKILL


@pytest.mark.parametrize("files", [KilledBeforeCommit, KilledWhileWriting])
def test_f59_writer_killed_before_the_commit_shows_nothing(
    tmp_path: Path, files: type[LocalFiles]
) -> None:
    killed(files, tmp_path, "killed")
    store = ReportStore.open(tmp_path)
    assert store.monitors() == []
    assert store.latest("wine_quality") is None
    assert len(files_of(str(tmp_path))) == 1
    assert store.sweep_orphans(HOUR, datetime.now(UTC)) == 0, "the writer may be at work"
    assert store.sweep_orphans(HOUR, SOON) == 1
    assert files_of(str(tmp_path)) == []


@pytest.mark.parametrize("files", [KilledBeforeCommit, KilledWhileWriting])
def test_f59_killed_rerun_leaves_the_old_result_whole(
    tmp_path: Path, files: type[LocalFiles]
) -> None:
    store = ReportStore.open(tmp_path)
    store.put(make_evaluation(), HTML)
    killed(files, tmp_path, "killed")
    assert store.get("wine_quality", DAY).attempt == "first"
    assert store.report_html("wine_quality", DAY) == HTML
    assert store.sweep_orphans(HOUR, SOON) == 1
    assert store.report_html("wine_quality", DAY) == HTML


def put_on_a_full_disk(
    root: Path, room: int, attempt: str, answer: multiprocessing.connection.Connection
) -> None:
    """Put while no file can grow beyond ``room`` bytes: writing fails half-way, as when full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    try:
        ReportStore.open(root).put(make_evaluation(attempt=attempt), HTML)
    except MonitoringError as exc:
        answer.send((type(exc).__name__, str(exc)))
    else:
        answer.send(("", "it was stored"))


def failure_on_a_full_disk(root: Path, room: int, attempt: str) -> tuple[str, str]:
    context = multiprocessing.get_context("spawn")
    mine, its = context.Pipe()
    child = context.Process(target=put_on_a_full_disk, args=(root, room, attempt, its))
    child.start()
    its.close()
    try:
        with mine:
            kind, message = mine.recv()
    finally:
        child.join(60)
    assert child.exitcode == 0
    return kind, message


ROOM = [
    pytest.param(len(HTML) // 2, "report-second.html", 0, id="for half of the report"),
    pytest.param(len(HTML) + 1, "evaluation.json", 1, id="for the report alone"),
]


@pytest.mark.parametrize(("room", "unwritten", "orphans"), ROOM)
def test_f59_full_disk_is_one_clear_line_and_the_earlier_result_stays(
    tmp_path: Path, room: int, unwritten: str, orphans: int
) -> None:
    store = ReportStore.open(tmp_path)
    earlier = store.put(make_evaluation(), HTML)
    kind, message = failure_on_a_full_disk(tmp_path, room, "second")
    assert kind == StoreUnavailable.__name__, message
    assert f"{unwritten}: File too large" in message
    assert "not full, then try again" in message
    assert "\n" not in message
    assert store.get("wine_quality", DAY) == earlier
    assert store.report_html("wine_quality", DAY) == HTML
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".tmp"]
    assert store.sweep_orphans(HOUR, SOON) == orphans
    assert len(files_of(str(tmp_path))) == 2


def test_f59_with_room_again_the_same_attempt_is_stored(tmp_path: Path) -> None:
    kind, _ = failure_on_a_full_disk(tmp_path, len(HTML) + 1, "first")
    assert kind == StoreUnavailable.__name__
    store = ReportStore.open(tmp_path)
    assert store.latest("wine_quality") is None
    assert store.put(make_evaluation(), HTML) == store.get("wine_quality", DAY)
    assert len(files_of(str(tmp_path))) == 2


def test_f59_orphans_in_object_storage_are_swept(store: ReportStore, location: str) -> None:
    store.put(make_evaluation(), HTML)
    folder = "wine_quality/20261120T000000Z--20261121T000000Z"
    open_files(location).write(f"{folder}/report-killed.html", b"orphan")
    assert store.sweep_orphans(HOUR, SOON) == 1
    assert store.report_html("wine_quality", DAY) == HTML
    assert len(files_of(location)) == 2


def put_many(location: str, numbers: list[int]) -> None:
    store = ReportStore.open(location)
    for number in numbers:
        evaluation = make_evaluation(
            attempt=f"a{number}", computed_at=COMPUTED + timedelta(seconds=number)
        )
        try:
            store.put(evaluation, f"<html>{number}</html>")
        except StaleAttempt:
            continue


@pytest.mark.parametrize("location", ["folder", "s3"], indirect=True)
def test_f27_many_writers_at_once_end_as_the_newest(location: str) -> None:
    context = multiprocessing.get_context("spawn")
    children = [
        context.Process(target=put_many, args=(location, list(range(first, 24, 3))))
        for first in range(3)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(90)
        assert child.exitcode == 0
    store = ReportStore.open(location)
    assert store.get("wine_quality", DAY).attempt == "a23"
    assert store.report_html("wine_quality", DAY) == "<html>23</html>"
    assert len(files_of(location)) == 2


# --- services that fail ---------------------------------------------------------------------------
def test_f63_store_that_is_down_is_transient_and_names_the_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(StoreUnavailable, match="s3://down/") as caught:
        ReportStore.open("s3://down").get("wine_quality", DAY)
    assert "canary-secret" not in str(caught.value)


@pytest.mark.usefixtures("s3_bucket")
def test_missing_bucket_is_terminal() -> None:
    with pytest.raises(StoreRefused, match="create the folder or bucket"):
        ReportStore.open("s3://no-such-bucket").put(make_evaluation(), None)


def test_file_in_place_of_the_store_is_terminal(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(MonitoringError, match="store"):
        ReportStore.open(tmp_path / "store").put(make_evaluation(), HTML)


# --- folders of the caller's choice ---------------------------------------------------------------
def test_out_folder_holds_evaluation_and_report(tmp_path: Path) -> None:
    stored = write_folder(tmp_path / "out", make_evaluation(), HTML)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "evaluation.json",
        "report.html",
    ]
    assert read_folder(tmp_path / "out") == stored
    assert read_report(tmp_path / "out", stored) == HTML


def test_out_folder_forgets_the_report_of_an_earlier_run(tmp_path: Path) -> None:
    write_folder(tmp_path, make_evaluation(), HTML)
    stored = write_folder(tmp_path, make_evaluation(), None)
    assert [p.name for p in tmp_path.iterdir()] == ["evaluation.json"]
    assert read_report(tmp_path, stored) is None


def test_window_of_a_store_is_read_like_an_out_folder(store: ReportStore) -> None:
    stored = store.put(make_evaluation(), HTML)
    folder = store.location("wine_quality", DAY)
    assert read_folder(folder) == stored
    assert read_report(folder, stored) == HTML


def test_folder_without_an_evaluation_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match=r"evaluation\.json does not exist"):
        read_folder(tmp_path)


def test_evaluation_json_is_strict_json(tmp_path: Path) -> None:
    write_folder(tmp_path, make_evaluation(), None)

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads((tmp_path / "evaluation.json").read_text(), parse_constant=refuse)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    starts=st.sets(
        st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
        min_size=1,
        max_size=4,
    ),
    length=st.timedeltas(timedelta(microseconds=1), timedelta(days=400)),
)
def test_any_window_is_found_again(starts: set[datetime], length: timedelta) -> None:
    store = ReportStore.open(f"memory://{uuid.uuid4().hex}")
    windows = [Window(start, start + length) for start in starts]
    for window in windows:
        store.put(make_evaluation(window=window), None)
    assert store.windows("wine_quality") == sorted(windows)
