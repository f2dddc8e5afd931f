"""`make up` and `make down` as a stranger types them, and what they do when something is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from monitoring_jobs.demo.airflow import API_SERVER, JOBS, USER, get_json, keep_secrets
from monitoring_jobs.demo.finished import Finished, airflow_version
from monitoring_jobs.demo.folder import DemoFolder, claim, clear
from monitoring_jobs.demo.monitors import write_monitors
from monitoring_jobs.demo.ports import Ports, UnusablePort, free_port
from monitoring_jobs.demo.services import pushgateway_program
from monitoring_jobs.demo.state import State
from tests.fixtures.airflow_stack import (
    ANY_PORTS,
    begin_action,
    finish_action,
    run_action,
    state_of,
)
from tests.fixtures.processes import belonging_to, end, listening, runs, survivors

DAGS = {
    "monitor__wine_quality",
    "monitor__diabetes_progression",
    "extract_mlflow_runs",
    "maintain_store",
}


def prepare(folder: Path, *, airflow: str) -> DemoFolder:
    """Make a folder as a demo leaves it, with monitors, and with no results."""
    with claim(folder) as home:
        clear(home)
        write_monitors(home.monitors, home.traffic)
        Finished(last_day=date(2026, 11, 20), airflow=airflow).write(home)
    return home


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Not below pytest's own folder: every pytest session of root closes that to other users, such
    # as the one that runs Postgres for root.
    with tempfile.TemporaryDirectory(prefix="monitoring-up-test-") as parent:
        root = Path(parent).resolve() / ".demo"
        try:
            yield root
        finally:
            end(belonging_to(root))


def answer(url: str) -> int:
    with urllib.request.urlopen(url, timeout=30) as response:
        status: int = response.status
        return status


def airflow_answers(state: State, path: str, password: str) -> Any:
    url = state.services[API_SERVER].url or ""
    login = {"username": USER, "password": password}
    token = get_json(f"{url}/auth/token", data=login)["access_token"]
    return get_json(f"{url}{path}", headers={"Authorization": f"Bearer {token}"})


def port_of(state: State) -> int | None:
    return urlsplit(state.services[API_SERVER].url or "").port


def table_of(start: subprocess.CompletedProcess[str]) -> str:
    return start.stdout[start.stdout.index("Monitors  ") :]


@dataclass(frozen=True)
class Story:
    """What came of a stack that was started, killed, started again, hurt, and ended.

    Attributes:
        folder: Where it was.
        first: What the first start printed.
        rival: How a start half a second later ended.
        states: What each start wrote down.
        statuses: What the pages answered after the first start.
        health: What Airflow said of itself.
        dags: The Dags that it listed.
        listening: Addresses and ports of all its sockets.
        secrets: The password after each start.
        orphans: What ran on after the supervisor had been killed.
        overlapping: How a second start ended while the first stack ran.
        elsewhere: How one ended that asked for another port.
        looked: What psql showed meanwhile.
        again: The start after the supervisor had been killed, on the port of its orphan.
        hurt: How a start ended after the scheduler had been killed.
        ended: What ending it all printed, after the clock had been set.
        left: What still ran after that.
        idle: What ending it once more printed.
    """

    folder: Path
    first: subprocess.CompletedProcess[str]
    rival: subprocess.CompletedProcess[str]
    states: tuple[State, State]
    statuses: Mapping[str, int]
    health: Mapping[str, Any]
    dags: set[str]
    listening: set[tuple[str, int]]
    secrets: tuple[str, str]
    orphans: list[str]
    overlapping: subprocess.CompletedProcess[str]
    elsewhere: subprocess.CompletedProcess[str]
    looked: subprocess.CompletedProcess[str]
    again: subprocess.CompletedProcess[str]
    hurt: subprocess.CompletedProcess[str]
    ended: subprocess.CompletedProcess[str]
    left: list[str]
    idle: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def story(folder: Path) -> Story:
    # An older Airflow has made its metadata, as far as the note goes: they are brought up to date.
    home = prepare(folder, airflow="0")
    home.logs.rmdir()  # a user may tidy up
    begun = begin_action(folder, "up", *ANY_PORTS)
    time.sleep(0.5)
    rival = run_action(folder, "up", *ANY_PORTS)
    first = finish_action(begun)
    assert first.returncode == 0, first.stdout
    before, password = state_of(folder), keep_secrets(home).password
    urls = {name: service.url for name, service in before.services.items() if service.url}
    statuses = {name: answer(url) for name, url in urls.items()}
    health = get_json(f"{urls[API_SERVER]}/api/v2/monitor/health")
    listed = airflow_answers(before, "/api/v2/dags?limit=100", password)["dags"]
    sockets = listening(folder)
    overlapping = run_action(folder, "up", *ANY_PORTS)
    elsewhere = run_action(folder, "up", "--airflow-port=1")
    looked = run_action(folder, "psql", "-c", "SELECT count(*) FROM evaluations")

    os.kill(before.pid, signal.SIGKILL)
    while runs(before.pid):
        time.sleep(0.1)
    orphans = survivors(folder)
    again = run_action(folder, "up", *ANY_PORTS, f"--airflow-port={port_of(before)}")
    assert again.returncode == 0, again.stdout
    after = state_of(folder)

    os.kill(after.services["airflow-scheduler"].pid, signal.SIGKILL)
    while state_of(folder).services["airflow-scheduler"].ended is None:
        time.sleep(0.2)
    hurt = run_action(folder, "up", *ANY_PORTS)
    after = state_of(folder)
    after.created += 3600.0
    after.write(home)
    ended = run_action(folder, "down")
    return Story(
        folder=folder,
        first=first,
        rival=rival,
        states=(before, after),
        statuses=statuses,
        health=health,
        dags={dag["dag_id"] for dag in listed},
        listening=sockets,
        secrets=(password, keep_secrets(home).password),
        orphans=orphans,
        overlapping=overlapping,
        elsewhere=elsewhere,
        looked=looked,
        again=again,
        hurt=hurt,
        ended=ended,
        left=survivors(folder),
        idle=run_action(folder, "down"),
    )


def test_everything_is_healthy_once_it_returns(story: Story) -> None:
    parts = {"metadatabase", *JOBS.values()}
    assert {part: story.health[part]["status"] for part in parts} == dict.fromkeys(parts, "healthy")
    wanted = {API_SERVER, "mlflow", *(["pushgateway"] if pushgateway_program() else [])}
    assert story.statuses == dict.fromkeys(wanted, 200)


def test_the_monitors_are_dags(story: Story) -> None:
    assert story.dags >= DAGS


def test_pages_login_and_the_way_out_are_printed(story: Story) -> None:
    state, password = story.states[0], story.secrets[0]
    urls = [service.url for service in state.services.values() if service.url]
    for words in (*urls, f"{state.services[API_SERVER].url}/plugin/monitoring/monitoring/"):
        assert words in story.first.stdout
    for label, place in (("User", USER), ("Password", password)):
        assert any(line.split() == [label, place] for line in story.first.stdout.splitlines())
    assert f"down --folder {story.folder}" in story.first.stdout
    assert str(story.folder / "logs") in story.first.stdout


def test_the_last_line_says_what_to_open_and_how_to_end_it(story: Story) -> None:
    page = f"{story.states[0].services[API_SERVER].url}/plugin/monitoring/monitoring/"
    *_, last = story.first.stdout.splitlines()
    assert last.startswith(f"Open {page} and log in as {USER}; ")
    assert last.endswith(f" down --folder {story.folder} ends it all.")


def test_all_listen_on_loopback_alone(story: Story) -> None:
    urls = [service.url for service in story.states[0].services.values() if service.url]
    assert {port for _, port in story.listening} >= {urlsplit(url).port for url in urls}
    assert {address for address, _ in story.listening} == {"127.0.0.1"}


def test_of_two_starts_at_once_one_starts_and_the_other_waits_for_it(story: Story) -> None:
    assert story.rival.returncode == 0, story.rival.stdout
    told = f"Being started by another make up in {story.folder}."
    assert story.rival.stdout.splitlines()[0] == told
    assert table_of(story.rival) == table_of(story.first)
    assert told not in story.first.stdout


def test_a_second_start_says_that_it_runs_and_where(story: Story) -> None:
    assert story.overlapping.returncode == 0
    lines = story.overlapping.stdout.splitlines()
    assert lines[0] == f"Already running in {story.folder}."
    assert table_of(story.overlapping) == table_of(story.first)


def test_a_second_start_on_another_port_says_that_it_gets_the_old_one(story: Story) -> None:
    assert story.elsewhere.returncode == 0
    assert story.elsewhere.stdout.splitlines()[0] == (
        f"Already running in {story.folder}, with airflow on another port than asked for;"
        " to change that, make down first."
    )
    assert table_of(story.elsewhere) == table_of(story.first)


def test_the_database_can_be_looked_at_meanwhile(story: Story) -> None:
    assert story.looked.returncode == 0, story.looked.stdout
    assert "0\n" in story.looked.stdout


def test_a_killed_supervisor_leaves_nothing_that_the_next_start_cannot_end(story: Story) -> None:
    assert story.orphans, "a killed supervisor leaves its services behind"
    before, after = story.states
    old = {service.pid for service in before.services.values()}
    new = {service.pid for service in after.services.values()}
    assert not any(runs(pid) for pid in old - new)
    assert after.pid != before.pid
    assert port_of(after) == port_of(before)


def test_the_password_is_kept_over_restarts(story: Story) -> None:
    first, second = story.secrets
    assert first == second
    assert len(first) >= 12


def test_what_died_meanwhile_is_named(story: Story) -> None:
    assert story.hurt.returncode == 1
    log = story.folder / "logs" / "airflow-scheduler.log"
    told = f"airflow-scheduler was killed by signal 9; its output is in {log}"
    assert told in story.hurt.stdout.splitlines()


def test_ending_names_what_ended_and_leaves_nothing(story: Story) -> None:
    assert story.ended.returncode == 0
    assert all(name in story.ended.stdout for name in story.states[1].services)
    assert story.left == []
    assert not (story.folder / "up.json").exists()


def test_ending_twice_is_no_error(story: Story) -> None:
    assert story.idle.returncode == 0
    assert story.idle.stdout == f"Nothing is running in {story.folder}.\n"


def test_secrets_are_for_their_owner_alone_and_in_no_log(story: Story) -> None:
    home = DemoFolder(story.folder)
    for path in (home.secrets, home.airflow / "passwords.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secrets = json.loads(home.secrets.read_text()).values()
    for log in home.logs.iterdir():
        text = log.read_text(errors="replace")
        assert [secret for secret in secrets if secret in text] == [], log


# --- what does not start --------------------------------------------------------------------------
def test_what_dies_while_starting_is_named_with_its_last_words_and_all_else_ends() -> None:
    with tempfile.TemporaryDirectory(prefix="monitoring-up-test-") as parent:
        home = prepare(Path(parent).resolve() / ".demo", airflow=airflow_version())
        (home.airflow / "airflow.cfg").write_text("[logging]\nlogging_level = NOISE\n")
        started = run_action(home.root, "up", *ANY_PORTS)
        assert started.returncode == 1
        *_, cause, told = started.stdout.splitlines()
        assert "should not be 'NOISE'" in cause
        name, _, log = told.partition(" ended with exit code 1 while starting; its output is in ")
        assert name.startswith("airflow-")
        assert log == str(home.logs / f"{name}.log")
        assert survivors(home.root) == []
        assert "Nothing is running" in run_action(home.root, "down").stdout


def test_a_port_that_was_asked_for_and_is_taken_is_named_before_anything_starts(
    tmp_path: Path,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        started = run_action(tmp_path / ".demo", "up", f"--airflow-port={port}")
    assert started.returncode == 1
    told = f"port {port} for airflow is taken; name another, or 0 for any\n"
    assert started.stdout == told
    assert not (tmp_path / ".demo").exists()


def test_a_folder_of_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    started = run_action(tmp_path, "up", *ANY_PORTS)
    assert started.returncode == 1
    assert started.stdout == (
        f"{tmp_path} holds other things, and the demo empties its folder;"
        " give an empty or a new folder\n"
    )
    ended = run_action(tmp_path, "down")
    assert (ended.returncode, ended.stdout) == (0, f"Nothing is running in {tmp_path}.\n")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_ending_what_never_was_makes_no_folder(tmp_path: Path) -> None:
    done = run_action(tmp_path / "nowhere", "down")
    assert (done.returncode, done.stdout) == (0, f"Nothing is running in {tmp_path / 'nowhere'}.\n")
    assert not (tmp_path / "nowhere").exists()


def test_a_state_of_another_process_with_the_same_id_is_not_believed(tmp_path: Path) -> None:
    home = prepare(tmp_path / ".demo", airflow=airflow_version())
    state = State.new()
    state.created -= 1000.0
    state.write(home)
    assert run_action(home.root, "down").stdout == f"Nothing is running in {home.root}.\n"
    assert not home.state.exists()


def test_a_running_demo_is_not_ended_and_says_what_ends_it(tmp_path: Path) -> None:
    with claim(tmp_path / ".demo") as home:
        done = run_action(home.root, "down")
    assert done.returncode == 1
    assert done.stdout == (
        f"a demo is running in {home.root}; it ends by itself, or by Ctrl-C where it was started\n"
    )


# --- ports ----------------------------------------------------------------------------------------
def test_a_usual_port_that_is_taken_is_replaced_by_a_free_one() -> None:
    with socket.socket() as usual:
        usual.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            usual.bind(("127.0.0.1", 5000))
            usual.listen()
        except OSError:
            pass  # somebody else has it: all the better
        chosen = Ports().choose()
    assert chosen.mlflow not in (None, 0, 5000)
    assert len({chosen.airflow, chosen.mlflow, chosen.pushgateway}) == 3


@pytest.mark.parametrize("port", [-1, 65_536])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(UnusablePort, match=f"{port} is no port for mlflow"):
        Ports(mlflow=port).choose()


@pytest.mark.parametrize("text", ["http", "99999"])
def test_what_is_no_port_is_refused_in_one_line(tmp_path: Path, text: str) -> None:
    started = run_action(tmp_path / ".demo", "up", f"--airflow-port={text}")
    assert started.returncode == 1
    told = f"{text} is no port for airflow; name one from 1 to 65535, or 0 for any\n"
    assert started.stdout == told


def test_one_port_for_two_servers_is_refused() -> None:
    port = free_port()
    with pytest.raises(UnusablePort, match="for mlflow is taken"):
        Ports(airflow=port, mlflow=port).choose()
