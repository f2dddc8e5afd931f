"""The parts of the demo, each by itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import psutil
import pytest

from monitoring_jobs.demo import faults
from monitoring_jobs.demo.dag_runs import airflow_environment
from monitoring_jobs.demo.folder import (
    DemoFolder,
    FolderInUse,
    UnusableFolder,
    claim,
    clear,
    complete,
)
from monitoring_jobs.demo.monitors import write_monitors
from monitoring_jobs.demo.postgres import Postgres, end_leftover, postgres
from monitoring_jobs.demo.processes import (
    MARKER,
    Processes,
    StepFailed,
    born,
    end_leftovers,
    listens,
)
from monitoring_jobs.demo.services import environment, pushgateway
from monitoring_jobs.demo.verdicts import Finding, Verdict
from monitoring_jobs.monitor_files import load_folder
from monitoring_jobs.results import Status
from tests.fixtures.processes import runs

HOLD = "import time; time.sleep(600)"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {HOLD!r}])
print(child.pid, flush=True)
child.wait()
"""
# A demo that is killed after it started a service and before it noted that.
KILLED_BEFORE_THE_NOTE = """
import os, signal, sys
from pathlib import Path
from monitoring_jobs.demo.processes import Processes

class Killed(Processes):
    def _note(self):
        if self._running:
            service = self._running[-1]
            print(service.pid, service.stdout.readline(), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        super()._note()

register, logs, program = sys.argv[1:]
processes = Killed(Path(register), Path(logs))
command = [sys.executable, "-c", program]
processes.start("service", command, env=os.environ, cwd=Path(logs), pipe_stdout=True)
"""

CLAIMS_WHAT_IT_INHERITED = """
import sys
from pathlib import Path
from monitoring_jobs.demo.folder import claim

with claim(Path(sys.argv[1]), int(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> DemoFolder:
    with claim(tmp_path / ".demo") as home:
        clear(home)
    return home


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A temporary folder that stays open to the user who runs Postgres for root."""
    with tempfile.TemporaryDirectory(prefix="monitoring-demo-test-") as folder:
        yield Path(folder).resolve()


# --- the folder ---------------------------------------------------------------------------------
def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UnusableFolder, match="holds other things"), claim(tmp_path):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        claim(tmp_path / ".demo"),
        pytest.raises(UnusableFolder, match="another demo is running"),
        claim(tmp_path / ".demo"),
    ):
        pass


def test_a_child_that_inherits_the_lock_holds_the_folder_when_its_parent_lets_go(
    tmp_path: Path,
) -> None:
    with claim(tmp_path / ".demo") as ours:
        child = subprocess.Popen(
            [sys.executable, "-c", CLAIMS_WHAT_IT_INHERITED, str(ours.root), str(ours.handle)],
            pass_fds=(ours.handle,),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
    with pytest.raises(FolderInUse), claim(ours.root):
        pass
    child.communicate()
    with claim(ours.root):
        pass


def test_what_was_removed_by_hand_below_the_folder_is_made_again(folder: DemoFolder) -> None:
    folder.logs.rmdir()
    (folder.reports / "kept").touch()
    complete(folder)
    assert folder.logs.is_dir()
    assert (folder.reports / "kept").exists()


def test_clearing_removes_what_an_earlier_demo_left(folder: DemoFolder, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (folder.reports / "old.html").touch()
    (folder.root / "link").symlink_to(outside)
    clear(folder)
    assert list(folder.reports.iterdir()) == []
    assert not (folder.root / "link").exists()
    assert (outside / "kept").exists()


# --- processes ----------------------------------------------------------------------------------
def test_ending_a_process_ends_its_children_too(folder: DemoFolder) -> None:
    with Processes(folder.processes, folder.logs) as processes:
        parent = processes.start(
            "parent",
            [sys.executable, "-c", PARENT],
            env=environment(),
            cwd=folder.root,
            pipe_stdout=True,
        )
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
    assert not runs(parent.pid)
    assert not runs(child)
    assert json.loads(folder.processes.read_text())["processes"] == []


def test_a_stranger_on_a_port_is_not_taken_for_our_own(folder: DemoFolder) -> None:
    listen = (
        "import socket, sys, time; s = socket.create_server(('127.0.0.1', 0));"
        "print(s.getsockname()[1], flush=True); time.sleep(600)"
    )
    with Processes(folder.processes, folder.logs) as processes:
        ours, stranger = (
            processes.start(
                name,
                [sys.executable, "-c", listen],
                env=environment(),
                cwd=folder.root,
                pipe_stdout=True,
            )
            for name in ("ours", "stranger")
        )
        ports = [int(process.stdout.readline()) for process in (ours, stranger) if process.stdout]
        assert [listens(ours.pid, port) for port in ports] == [True, False]


def test_a_failed_process_shows_the_end_of_its_output(folder: DemoFolder) -> None:
    with Processes(folder.processes, folder.logs) as processes:
        complaint = "import sys; print('the cause', file=sys.stderr); sys.exit(3)"
        command = [sys.executable, "-c", complaint]
        with pytest.raises(StepFailed, match=r"exit code 3.*step.log") as caught:
            processes.run("step", command, env=environment(), cwd=folder.root)
    assert "the cause" in caught.value.tail


def test_leftovers_of_a_killed_demo_are_ended_and_strangers_spared(folder: DemoFolder) -> None:
    command = [sys.executable, "-c", HOLD]
    left, stranger = (subprocess.Popen(command, start_new_session=True) for _ in range(2))
    try:
        entries = [
            [left.pid, born(psutil.Process(left.pid))],
            [stranger.pid, born(psutil.Process(stranger.pid)) - 60.0],
        ]
        folder.processes.write_text(json.dumps({"marker": "", "processes": entries}))
        assert end_leftovers(folder.processes) == 1
        assert not runs(left.pid)
        assert stranger.poll() is None
    finally:
        for process in (left, stranger):
            process.kill()
            process.wait()


def test_a_demo_killed_before_it_noted_a_start_leaves_nothing_to_the_next(
    folder: DemoFolder,
) -> None:
    stranger = subprocess.Popen(
        [sys.executable, "-c", HOLD], env={**os.environ, MARKER: "of another demo"}
    )
    pids: list[int] = []
    try:
        arguments = [str(folder.processes), str(folder.logs), PARENT]
        killed = subprocess.run(
            [sys.executable, "-c", KILLED_BEFORE_THE_NOTE, *arguments],
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
        pids = [int(pid) for pid in killed.stdout.split()]
        assert killed.returncode == -signal.SIGKILL
        assert [runs(pid) for pid in pids] == [True, True]
        assert json.loads(folder.processes.read_text())["processes"] == []
        assert end_leftovers(folder.processes) == 2
        assert [runs(pid) for pid in pids] == [False, False]
        assert stranger.poll() is None
    finally:
        for pid in filter(runs, pids):
            os.kill(pid, signal.SIGKILL)
        stranger.kill()
        stranger.wait()


BROKEN_REGISTERS = [
    *("", "{", "[[1]]", '{"a": 1}', "null", '{"marker": "x"}'),
    *('{"marker": "x", "processes": [[1]]}', '{"marker": "", "processes": []}'),
]


@pytest.mark.parametrize("text", BROKEN_REGISTERS)
def test_a_broken_register_is_no_obstacle(folder: DemoFolder, text: str) -> None:
    folder.processes.write_text(text)
    assert end_leftovers(folder.processes) == 0


# --- services -----------------------------------------------------------------------------------
FOLDERS = ["plain", "it's a folder", 'one, two, "three"', "50% of $a`\\b", "long-" + "x" * 120]


@pytest.mark.parametrize("name", FOLDERS)
def test_postgres_starts_in_any_folder_and_nothing_stays_running(
    open_path: Path, name: str
) -> None:
    data = open_path / name / "postgres"
    with postgres(data) as server:
        command = server.psql("airflow", "-At", "-c", "SELECT 1")
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        assert answer.stdout == "1\n", answer.stderr
        pid = int((data / "postmaster.pid").read_text().split()[0])
    assert not runs(pid)
    assert not server.sockets.exists() or server.sockets == data


@pytest.mark.parametrize("text", ["", "junk", "999999999\n/nowhere\n", "{this process}\n/x\n"])
def test_a_stale_postmaster_pid_is_removed_and_no_stranger_ended(tmp_path: Path, text: str) -> None:
    (tmp_path / "postmaster.pid").write_text(text.replace("{this process}", str(os.getpid())))
    end_leftover(tmp_path)
    assert not (tmp_path / "postmaster.pid").exists()


def test_a_server_that_cannot_start_is_named_with_its_output(
    folder: DemoFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = folder.root / "bin"
    programs.mkdir()
    broken = programs / "prometheus-pushgateway"
    broken.write_text("#!/bin/sh\necho no such flag >&2\nexit 7\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    with (
        Processes(folder.processes, folder.logs) as processes,
        pytest.raises(
            StepFailed, match=r"pushgateway ended with exit code 7 while start"
        ) as caught,
        pushgateway(folder, processes),
    ):
        pass
    assert "no such flag" in caught.value.tail


def test_the_pushgateway_keeps_no_file_outside_the_folder(folder: DemoFolder) -> None:
    with (
        Processes(folder.processes, folder.logs) as processes,
        pushgateway(folder, processes) as gateway,
    ):
        assert gateway is not None, "apt-get install prometheus-pushgateway"
        with urllib.request.urlopen(f"{gateway.url}/api/v1/status", timeout=10) as answer:
            flags = json.load(answer)["data"]["flags"]
        with urllib.request.urlopen(f"{gateway.url}/api/v1/metrics", timeout=10) as answer:
            groups = json.load(answer)["data"]
    assert flags["persistence.file"] == str(folder.gateway)
    assert groups == []


def test_gauges_are_kept_from_one_pushgateway_to_the_next(folder: DemoFolder) -> None:
    for expected in (False, True):
        with (
            Processes(folder.processes, folder.logs) as processes,
            pushgateway(folder, processes) as gateway,
        ):
            assert gateway is not None, "apt-get install prometheus-pushgateway"
            gateway.save(folder.gauges / "held.prom")
            assert ("model_mae" in (folder.gauges / "held.prom").read_text()) == expected
            push = urllib.request.Request(f"{gateway.url}/metrics/job/monitoring", method="PUT")
            push.data = b"model_mae 53\n"
            with urllib.request.urlopen(push, timeout=10) as answer:
                assert answer.status == 200


def test_the_users_own_services_are_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MONITORING_DATABASE_URL", "PROMETHEUS_GATEWAY"):
        monkeypatch.setenv(name, "production")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "production")
    assert "production" not in environment().values()
    assert environment()["DO_NOT_TRACK"] == "1"


def test_without_a_pushgateway_gauges_go_to_a_textfile(folder: DemoFolder) -> None:
    env = airflow_environment(folder, Postgres(folder.root, folder.root), None)
    assert "PUSHGATEWAY_URL" not in env
    assert Path(env["MONITORING_TEXTFILE"]).parent == folder.gauges


# --- monitors, traffic and verdicts -------------------------------------------------------------
def test_the_monitor_files_are_valid(tmp_path: Path) -> None:
    write_monitors(tmp_path, tmp_path / "traffic")
    loaded = load_folder(tmp_path)
    assert [file.problems for file in loaded] == [(), ()]
    assert {file.spec.name for file in loaded if file.spec} == set(faults.MONITORS)


def test_every_monitor_has_clean_and_faulty_days() -> None:
    for monitor in faults.MONITORS:
        days = range(1, faults.WINDOWS + 1)
        verdicts = [faults.expected_verdict(monitor, day) for day in days]
        assert verdicts.count(Status.OK) >= 3
        assert verdicts.count(Status.FAILED) >= 2


def test_traffic_differs_between_dates_in_its_timestamps_alone() -> None:
    from monitoring_jobs.demo.models import RECIPES, fit
    from monitoring_jobs.demo.traffic import one_day

    for recipe in RECIPES:
        model = fit(recipe)
        one, other = (one_day(model, day, 3) for day in (date(2026, 11, 20), date(2031, 3, 30)))
        dated = ["request_id", "ts"]
        assert one.drop(columns=dated).equals(other.drop(columns=dated))
        for frame, day in ((one, "2026-11-20"), (other, "2031-03-30")):
            assert {str(moment.date()) for moment in frame["ts"]} == {day}


def test_each_fault_is_in_the_traffic_of_its_days_alone() -> None:
    from monitoring_jobs.demo.models import RECIPES, fit
    from monitoring_jobs.demo.traffic import one_day

    wine, diabetes = (fit(recipe) for recipe in RECIPES)
    for days_ago in range(1, faults.DAYS_OF_TRAFFIC + 1):
        grapes = one_day(wine, date(2026, 11, 20), days_ago)
        people = one_day(diabetes, date(2026, 11, 20), days_ago)
        missing = grapes["proline"].isna().mean() > 0.3
        assert missing == faults.LOST_VALUES.strikes(days_ago)
        assert ("patagonia" in set(grapes["region"])) == faults.NEW_CATEGORY.strikes(days_ago)
        assert people["progression"].isna().all() == faults.LATE_LABELS.strikes(days_ago)
        assert (people["s1"].mean() > 210) == faults.SUDDEN_SHIFT.strikes(days_ago)
        assert np.isfinite(people["prediction"]).all()


def test_a_reason_names_what_is_out_of_order_and_how_far() -> None:
    findings = (
        Finding("drift", "drifted_share", "", "", 0.75, 0.5, "failed"),
        Finding("drift", "wasserstein", "hue", "", 0.41, 0.3, "warning"),
        Finding("drift", "wasserstein", "ash", "region=x", 0.91, 0.3, "warning"),
        Finding("quality", "missing_share", "proline", "", 0.449, 0.1, "failed"),
        Finding("performance", "mae", "", "", 53.02, 50.0, "failed"),
        Finding("schema", "new_column", "extra", "", 1.0, None, "warning"),
    )
    day = datetime(2026, 11, 20, tzinfo=UTC)
    verdict = Verdict("wine", day, Status.FAILED, 10, None, findings)
    assert verdict.reason == (
        "75% of the features drifted: hue 0.41; missing values in proline 45% (limit 10%); "
        "mae 53 is above 50; new_column of extra 1"
    )
