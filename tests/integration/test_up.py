"""`make up` and `make down` as a stranger types them, and what they do when something is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping
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
from monitoring_jobs.demo.ports import USUAL, Ports, UnusablePort, free_port
from monitoring_jobs.demo.state import State, read_state
from tests.fixtures.airflow_stack import (
    ANY_PORTS,
    begin_action,
    finish_action,
    run_action,
    state_of,
)
from tests.fixtures.processes import belonging_to, end, listening, runs, survivors
from tests.fixtures.prometheus import wait_until

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


def port_of(state: State, name: str, *, healthy: bool = False) -> int:
    """Return the port of a service; 0 where it has none, or is not yet healthy if it must be."""
    service = state.services.get(name)
    if service is None or (healthy and service.seconds is None):
        return 0
    return urlsplit(service.url or "").port or 0


def table_of(start: subprocess.CompletedProcess[str]) -> str:
    return start.stdout[start.stdout.index("Monitors  ") :]


def state_once(folder: Path, holds: Callable[[State], bool]) -> State:
    """Return what the supervisor wrote down, once it is as it should be."""

    def found() -> State | None:
        state = read_state(DemoFolder(folder))
        assert state is None or state.failure is None, state
        return state if state and holds(state) else None

    state = wait_until(found, f"the state of {folder}", 300)
    assert state is not None
    return state


def killed_start(folder: Path) -> State:
    """Start, and kill `make up` and its supervisor once all is started; return what that wrote."""
    with begin_action(folder, "up", *ANY_PORTS) as start:
        try:
            # The Pushgateway has its port by then. What comes after takes long.
            up = state_once(folder, lambda state: port_of(state, "pushgateway", healthy=True) > 0)
        finally:
            start.kill()
    os.kill(up.pid, signal.SIGKILL)
    wait_until(lambda: not runs(up.pid), "the supervisor is gone")
    return up


@dataclass(frozen=True)
class Story:
    """What came of a stack that was killed while it started, started again, hurt, and ended.

    Attributes:
        folder: Where it was.
        first: What the start that came to its end printed.
        rival: How a start that came in between ended.
        states: What each start wrote down.
        statuses: What the pages answered.
        health: What Airflow said of itself.
        dags: The Dags that it listed.
        addresses: Those that the results database holds for the links of dashboards.
        listening: Addresses and ports of all its sockets.
        secrets: The password after each start.
        orphans: What ran on after `make up` and its supervisor had been killed.
        stayed: Which of these still ran after the next start.
        overlapping: How a second start ended while the stack ran.
        elsewhere: How one ended that asked for another port.
        hurt: How a start ended after the scheduler had been killed.
        ended: What ending it all printed, after the clock had been set.
        left: What still ran after that.
        idle: What ending it once more printed.
        broken: How a start with a mistake in Airflow's settings ended.
        rest: What still ran after that.
        nothing: What ending that printed.
    """

    folder: Path
    first: subprocess.CompletedProcess[str]
    rival: subprocess.CompletedProcess[str]
    states: tuple[State, State]
    statuses: Mapping[str, int]
    health: Mapping[str, Any]
    dags: set[str]
    addresses: subprocess.CompletedProcess[str]
    listening: set[tuple[str, int]]
    secrets: tuple[str, str]
    orphans: list[str]
    stayed: list[str]
    overlapping: subprocess.CompletedProcess[str]
    elsewhere: subprocess.CompletedProcess[str]
    hurt: subprocess.CompletedProcess[str]
    ended: subprocess.CompletedProcess[str]
    left: list[str]
    idle: subprocess.CompletedProcess[str]
    broken: subprocess.CompletedProcess[str]
    rest: list[str]
    nothing: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def story(folder: Path) -> Story:
    # An older Airflow has made its metadata, as far as the note goes: they are brought up to date.
    home = prepare(folder, airflow="0")
    home.logs.rmdir()  # a user may tidy up
    before = killed_start(folder)
    orphans, password = belonging_to(folder), keep_secrets(home).password

    port = port_of(before, "pushgateway")
    begun = begin_action(folder, "up", *ANY_PORTS, f"--pushgateway-port={port}")
    # Whoever comes while these are being ended is told that the folder is held.
    old = [service.pid for service in before.services.values()]
    wait_until(lambda: not any(map(runs, old)), "the orphans are gone", 60)
    rival = run_action(folder, "up", *ANY_PORTS)
    first = finish_action(begun)
    assert first.returncode == 0, first.stdout
    after = state_of(folder)
    stayed = [str(process) for process in orphans if process.is_running() and runs(process.pid)]
    urls = {name: service.url for name, service in after.services.items() if service.url}
    statuses = {name: answer(url) for name, url in urls.items()}
    health = get_json(f"{urls[API_SERVER]}/api/v2/monitor/health")
    listed = airflow_answers(after, "/api/v2/dags?limit=100", password)["dags"]
    sockets = listening(folder)
    overlapping = run_action(folder, "up", *ANY_PORTS)
    elsewhere = run_action(folder, "up", "--airflow-port=1")
    addresses = run_action(folder, "psql", "-c", "SELECT name || '=' || url FROM addresses")

    os.kill(after.services["airflow-scheduler"].pid, signal.SIGKILL)
    state_once(folder, lambda state: state.services["airflow-scheduler"].ended is not None)
    hurt = run_action(folder, "up", *ANY_PORTS)
    after = state_of(folder)
    after.created += 3600.0
    after.write(home)
    ended = run_action(folder, "down")
    left, idle = survivors(folder), run_action(folder, "down")

    (home.airflow / "airflow.cfg").write_text("[logging]\nlogging_level = NOISE\n")
    broken = run_action(folder, "up", *ANY_PORTS)
    return Story(
        folder=folder,
        first=first,
        rival=rival,
        states=(before, after),
        statuses=statuses,
        health=health,
        dags={dag["dag_id"] for dag in listed},
        addresses=addresses,
        listening=sockets,
        secrets=(password, keep_secrets(home).password),
        orphans=list(map(str, orphans)),
        stayed=stayed,
        overlapping=overlapping,
        elsewhere=elsewhere,
        hurt=hurt,
        ended=ended,
        left=left,
        idle=idle,
        broken=broken,
        rest=survivors(folder),
        nothing=run_action(folder, "down"),
    )


def test_everything_is_healthy_once_it_returns(story: Story) -> None:
    parts = {"metadatabase", *JOBS.values()}
    assert {part: story.health[part]["status"] for part in parts} == dict.fromkeys(parts, "healthy")
    wanted = {API_SERVER, "mlflow", "pushgateway", "prometheus", "alertmanager"}
    assert story.statuses == dict.fromkeys(wanted, 200)


def test_the_monitors_are_dags(story: Story) -> None:
    assert story.dags >= DAGS


def test_pages_login_and_the_way_out_are_printed(story: Story) -> None:
    state, password = story.states[1], story.secrets[1]
    urls = [service.url for service in state.services.values() if service.url]
    for words in (*urls, f"{state.services[API_SERVER].url}/plugin/monitoring/monitoring/"):
        assert words in story.first.stdout
    for label, place in (("User", USER), ("Password", password)):
        assert any(line.split() == [label, place] for line in story.first.stdout.splitlines())
    assert f"down --folder {story.folder}" in story.first.stdout
    assert str(story.folder / "logs") in story.first.stdout


def test_the_last_line_says_what_to_open_and_how_to_end_it(story: Story) -> None:
    page = f"{story.states[1].services[API_SERVER].url}/plugin/monitoring/monitoring/"
    *_, last = story.first.stdout.splitlines()
    assert last.startswith(f"Open {page} and log in as {USER}; ")
    assert last.endswith(f" down --folder {story.folder} ends it all.")


def test_all_listen_on_loopback_alone(story: Story) -> None:
    urls = [service.url for service in story.states[1].services.values() if service.url]
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


def test_the_database_can_be_looked_at_meanwhile_and_knows_the_addresses(story: Story) -> None:
    assert story.addresses.returncode == 0, story.addresses.stdout
    urls = {name: service.url for name, service in story.states[1].services.items()}
    for address in (f"airflow={urls[API_SERVER]}/\n", f"mlflow={urls['mlflow']}\n"):
        assert address in story.addresses.stdout


def test_a_killed_supervisor_leaves_nothing_that_the_next_start_cannot_end(story: Story) -> None:
    assert story.orphans, "a killed supervisor leaves its services behind"
    assert story.stayed == []
    before, after = story.states
    assert set(before.services) == set(after.services)
    assert after.pid != before.pid
    assert port_of(after, "pushgateway") == port_of(before, "pushgateway")


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
def test_what_dies_while_starting_is_named_with_its_last_words_and_all_else_ends(
    story: Story,
) -> None:
    assert story.broken.returncode == 1
    *_, cause, told = story.broken.stdout.splitlines()
    assert "should not be 'NOISE'" in cause
    name, _, log = told.partition(" ended with exit code 1 while starting; its output is in ")
    assert name.startswith("airflow-")
    assert log == str(story.folder / "logs" / f"{name}.log")
    assert story.rest == []
    assert "Nothing is running" in story.nothing.stdout


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
    assert len({getattr(chosen, name) for name in USUAL}) == len(USUAL)


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
