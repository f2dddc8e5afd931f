"""The command line: exit codes, one-line errors, and what a person sees."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitoring_jobs.console import plain
from monitoring_jobs.reports.store import ReportStore
from monitoring_jobs.results import Evaluation
from tests.fixtures.command_line import Cli
from tests.fixtures.monitors import DAY, MonitorFactory, sample

DAY_ARGS = ("--start", "2026-11-20", "--end", "2026-11-21", "--no-report")


@pytest.fixture(autouse=True)
def _environment(command_environment: None) -> None:
    """No service is configured; store and cache lie in the test's folder."""


# --- usage ----------------------------------------------------------------------------------------
def test_help_names_every_command(cli: Cli) -> None:
    code, out, _ = cli("--help")
    assert code == 0
    for command in ("validate", "extract", "evaluate", "publish", "run", "backfill", "maintain"):
        assert command in out


def test_version_is_the_packages(cli: Cli) -> None:
    import monitoring_jobs

    assert cli("--version") == (0, f"{monitoring_jobs.__version__}\n", "")


@pytest.mark.parametrize(
    "words",
    [
        ["frobnicate"],
        ["evaluate"],
        ["validate"],
        ["publish"],
        ["publish", "--latest", "folder"],
        ["evaluate", "x.yaml", "--fail-on", "doom"],
        ["evaluate", "x.yaml", "--nonsense"],
        ["evaluate", "x.yaml", "--part", "3/2"],
        ["evaluate", "x.yaml", "--part", "0/2"],
        ["evaluate", "x.yaml", "--part", "1/65"],
        ["evaluate", "x.yaml", "--part", "x"],
        ["evaluate", "x.yaml", "--part", "-1/2"],
        ["evaluate", "x.yaml", "--part", "1/\N{SUPERSCRIPT TWO}"],
        ["evaluate", "x.yaml", "--part", "1/" + "9" * 5000],
        ["evaluate", "x.yaml", "--join", "0"],
        ["evaluate", "x.yaml", "--join", "65"],
        ["evaluate", "x.yaml", "--join", "x"],
        ["evaluate", "x.yaml", "--part", "1/2", "--join", "2"],
        ["evaluate", "x.yaml", "--part", "1/2", "--out", "folder"],
        ["evaluate", "x.yaml", "--part", "1/2", "--fail-on", "failed"],
        ["extract", "--since", "yesterday"],
        ["extract", "--since", "0001-01-01T00:00+14:00"],
        ["extract", "--since", "9999-12-31T23:00-14:00"],
        ["maintain", "--retention", "long"],
        ["maintain", "--retention", "999999w"],
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(cli: Cli, words: list[str]) -> None:
    code, out, err = cli(*words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("monitoring-jobs: ")
    assert err.endswith("see --help\n")


def test_no_command_shows_the_help_and_exit_code_2(cli: Cli) -> None:
    code, out, err = cli()
    assert code == 2
    assert "Usage: monitoring-jobs" in out + err


# --- validate and schema --------------------------------------------------------------------------
def test_validate_says_which_files_are_well(cli: Cli, make_monitor: MonitorFactory) -> None:
    path = make_monitor()
    assert cli("validate", path.parent) == (0, f"{path}: ok, monitor wine_quality\n", "")


def test_f62_validate_lists_every_error_of_every_file(
    cli: Cli, make_monitor: MonitorFactory
) -> None:
    make_monitor("good")
    make_monitor("bad", schedule="61 * * * *", nonsense=1, segments="region")
    make_monitor("worse", data=None)
    code, out, err = cli("validate", make_monitor("also_good").parent)
    assert code == 2
    assert out.count("ok, monitor") == 2
    assert err.count("bad.yaml:") == 3
    assert err.count("worse.yaml:") == 1


def test_f62_validate_of_an_empty_folder_is_an_error(cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli("validate", tmp_path)
    assert code == 2
    assert "no monitor file there" in err


def test_schema_is_json(cli: Cli) -> None:
    code, out, _ = cli("schema")
    assert code == 0
    assert json.loads(out)["required"] == ["name", "data", "reference"]


# --- evaluate -------------------------------------------------------------------------------------
def test_evaluate_tells_verdict_and_place(
    cli: Cli, make_monitor: MonitorFactory, tmp_path: Path
) -> None:
    code, out, err = cli("evaluate", make_monitor(), *DAY_ARGS)
    assert (code, err) == (0, "")
    assert "wine_quality  2026-11-20T00:00:00Z .. 2026-11-21T00:00:00Z  ok" in out
    place = out.splitlines()[-1].removeprefix("numbers: ")
    assert Evaluation.from_json(Path(place).read_text(encoding="utf-8")).window == DAY
    assert place.startswith(str(tmp_path / "reports"))


def test_evaluate_out_writes_two_files_and_leaves_the_store_alone(
    cli: Cli, make_monitor: MonitorFactory, tmp_path: Path
) -> None:
    code, out, _ = cli("evaluate", make_monitor(), *DAY_ARGS[:4], "--out", tmp_path / "out")
    assert code == 0
    assert f"report: {tmp_path}/out/report.html" in out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "evaluation.json",
        "report.html",
    ]
    assert ReportStore.open(tmp_path / "reports").monitors() == []


def test_evaluate_shows_the_offending_measurements(cli: Cli, make_monitor: MonitorFactory) -> None:
    path = make_monitor(current=sample(400, seed=1, shift=4))
    code, out, _ = cli("evaluate", path, *DAY_ARGS)
    assert code == 0
    line = next(line for line in out.splitlines() if "wasserstein" in line)
    assert line.split()[:4] == ["warning", "drift", "wasserstein", "alcohol"]
    assert "malic_acid" not in out


def test_evaluate_keeps_parts_and_joins_them(
    cli: Cli, make_monitor: MonitorFactory, tmp_path: Path
) -> None:
    path = make_monitor(split=2)
    window = "2026-11-20T00:00:00Z/2026-11-21T00:00:00Z"
    for number, columns in ((1, 2), (2, 1)):
        assert cli("evaluate", path, *DAY_ARGS, "--part", f"{number}/2") == (
            0,
            f"wine_quality  {window}  part {number} of 2: {columns} columns\n",
            "",
        )
    code, out, err = cli("evaluate", path, *DAY_ARGS, "--join", "2", "--fail-on", "warning")
    assert (code, err) == (0, "")
    assert "2026-11-20T00:00:00Z .. 2026-11-21T00:00:00Z  ok" in out
    assert ReportStore.open(tmp_path / "reports").windows("wine_quality") == [DAY]


def test_evaluate_join_without_parts_is_one_line_with_the_cure(
    cli: Cli, make_monitor: MonitorFactory
) -> None:
    code, out, err = cli("evaluate", make_monitor(), *DAY_ARGS, "--join", "2")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "missing: 1 of 2, 2 of 2" in err
    assert "run every part again, then join" in err


SHIFTED = {"checks": {"drift": {"share": 0.3}}}


@pytest.mark.parametrize(
    ("shift", "fail_on", "code"),
    [(0, "warning", 0), (0, "failed", 0), (4, "failed", 3), (4, "warning", 3)],
)
def test_fail_on_turns_a_verdict_into_exit_code_3(
    cli: Cli, make_monitor: MonitorFactory, shift: float, fail_on: str, code: int
) -> None:
    path = make_monitor(current=sample(400, seed=1, shift=shift), **SHIFTED)
    assert cli("evaluate", path, *DAY_ARGS, "--fail-on", fail_on)[0] == code


def test_fail_on_failed_lets_a_warning_pass(cli: Cli, make_monitor: MonitorFactory) -> None:
    path = make_monitor(current=sample(400, seed=1, shift=4))
    assert cli("evaluate", path, *DAY_ARGS, "--fail-on", "failed")[0] == 0
    assert cli("evaluate", path, *DAY_ARGS, "--fail-on", "warning")[0] == 3


def test_without_instants_the_last_complete_window_is_judged(
    cli: Cli, make_monitor: MonitorFactory
) -> None:
    code, out, _ = cli("evaluate", make_monitor(), "--no-report")
    assert code == 0
    start, end = (datetime.fromisoformat(out.split()[n]) for n in (1, 3))
    assert end <= datetime.now(UTC) < end + timedelta(days=1)
    assert end - start == timedelta(days=1)


def test_instants_without_an_offset_are_local_to_the_monitor(
    cli: Cli, make_monitor: MonitorFactory
) -> None:
    _, out, _ = cli("evaluate", make_monitor(timezone="Europe/Berlin"), *DAY_ARGS)
    assert "2026-11-19T23:00:00Z .. 2026-11-20T23:00:00Z" in out


def test_debug_shows_logs_and_the_traceback(cli: Cli, make_monitor: MonitorFactory) -> None:
    path = make_monitor(reference={"source": "parquet", "path": "nowhere.parquet"})
    for words in (("--debug", "evaluate", path), ("evaluate", path, "--debug")):
        code, _, err = cli(*words, *DAY_ARGS)
        assert code == 1
        assert "Traceback" in err
        assert "INFO: evaluating wine_quality" in err


def test_an_unexpected_error_names_its_type_only(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode() -> None:
        raise ZeroDivisionError("a value that nobody should see")

    monkeypatch.setattr("monitoring_jobs.spec.json_schema", explode)
    assert cli("schema") == (
        1,
        "",
        "monitoring-jobs: unexpected ZeroDivisionError; add --debug to see where\n",
    )


def test_markup_and_control_characters_in_names_are_inert(
    cli: Cli, make_monitor: MonitorFactory
) -> None:
    """A terminal would obey what a column's name says."""
    name = "[red]al\x1b[31mco\nhol[/red]"
    shifted, reference = sample(400, seed=1, shift=4), sample(1200, seed=2)
    names = [name if column == "alcohol" else column for column in reference.column_names]
    path = make_monitor(
        current=shifted.rename_columns(names),
        reference=reference.rename_columns(names),
        columns={"numerical": [name]},
        **SHIFTED,
    )
    code, out, err = cli("evaluate", path, *DAY_ARGS)
    assert (code, err) == (0, "")
    assert "\x1b" not in out
    assert r"[red]al\x1b[31mco\nhol[/red]" in out


def test_f12_a_long_name_is_shortened_for_display_only() -> None:
    assert plain("x" * 10_000, 40) == "x" * 39 + "…"
    assert plain("x" * 10_000) == "x" * 10_000


# --- jobs that need a database --------------------------------------------------------------------
def test_run_asks_for_a_database_before_it_works(
    cli: Cli, make_monitor: MonitorFactory, tmp_path: Path
) -> None:
    code, out, err = cli("run", make_monitor(), *DAY_ARGS)
    assert (code, out) == (2, "")
    assert "set MONITORING_DATABASE_URL" in err
    assert not (tmp_path / "reports").exists()


@pytest.mark.parametrize("command", ["migrate", "extract"])
def test_missing_settings_are_bad_usage(cli: Cli, command: str) -> None:
    code, _, err = cli(command)
    assert code == 2
    assert err.count("\n") == 1


def test_backfill_of_a_period_without_a_window_is_refused(
    cli: Cli, make_monitor: MonitorFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONITORING_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    path = make_monitor()
    code, _, err = cli("backfill", path, "--start", "2026-11-20T01:00", "--end", "2026-11-20T02:00")
    assert code == 2
    assert "no window of monitor 'wine_quality' has ended between" in err


@pytest.mark.parametrize(
    "words",
    [
        ("evaluate", "--start", "0001-01-01T00:00+14:00", "--end", "0001-01-02"),
        ("evaluate", "--start", "0001-01-01", "--end", "0001-01-02"),
        ("run", "--start", "9999-12-31", "--end", "9999-12-31T12:00"),
        ("backfill", "--start", "0001-01-01", "--end", "0001-01-03"),
        ("backfill", "--start", "1900-01-01", "--end", "2000-01-01", "--every", "1s"),
        ("backfill", "--start", "2000-01-01", "--end", "2000-01-02", "--every", "999999w"),
    ],
)
def test_f21_absurd_instants_and_steps_are_bad_usage(
    cli: Cli, make_monitor: MonitorFactory, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("MONITORING_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    path = make_monitor(timezone="Europe/Berlin", window="7d")
    code, out, err = cli(words[0], path, *words[1:])
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


@pytest.mark.parametrize("store", ["http://host/x", "nonsense://x", "~nosuchuser/x"])
@pytest.mark.parametrize("command", ["evaluate", "run", "backfill"])
def test_a_store_that_cannot_be_one_is_found_before_the_work(
    cli: Cli,
    make_monitor: MonitorFactory,
    monkeypatch: pytest.MonkeyPatch,
    store: str,
    command: str,
) -> None:
    monkeypatch.setenv("MONITORING_DATABASE_URL", "postgresql://127.0.0.1:1/none")
    monkeypatch.setenv("MONITORING_REPORT_STORE", store)
    path = make_monitor()
    (path.parent / "data/wine_quality/log.parquet").write_bytes(b"not parquet")
    code, out, err = cli(command, path, *DAY_ARGS)
    assert (code, out) == (2, "")
    assert "report store" in err


def test_an_unknown_sink_is_bad_usage(cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli("publish", tmp_path, "--sink", "fax")
    assert code == 2
    assert "unknown sink 'fax'; known are postgres" in err


@pytest.mark.parametrize("change", [{"measurements": [1]}, {"rows": 3}, {"sinks": ["fax"]}, None])
def test_publish_goes_on_after_a_malformed_evaluation(
    cli: Cli,
    make_monitor: MonitorFactory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, object] | None,
) -> None:
    monkeypatch.setenv("MONITORING_TEXTFILE", str(tmp_path / "metrics.prom"))
    for name in ("good", "bad"):
        cli("evaluate", make_monitor(), *DAY_ARGS, "--out", tmp_path / name)
    broken = tmp_path / "bad/evaluation.json"
    changed = [] if change is None else {**json.loads(broken.read_text("utf-8")), **change}
    broken.write_text(json.dumps(changed), encoding="utf-8")
    code, out, err = cli("publish", tmp_path / "bad", tmp_path / "good", "--sink", "pushgateway")
    assert code == 1
    assert err.count("\n") == 1
    assert "pushgateway: written" in out


def test_publish_latest_goes_on_after_a_malformed_evaluation(
    cli: Cli, make_monitor: MonitorFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONITORING_TEXTFILE", str(tmp_path / "metrics.prom"))
    for name in ("beer", "wine"):
        cli("evaluate", make_monitor(name), *DAY_ARGS)
    (broken,) = (tmp_path / "reports/beer").glob("*/evaluation.json")
    broken.write_text("{", encoding="utf-8")
    code, out, err = cli("publish", "--latest", "--sink", "pushgateway")
    assert code == 1
    assert err.count("\n") == 1
    assert out.startswith("wine ")


def test_publish_writes_the_gauges_of_a_folder(
    cli: Cli, make_monitor: MonitorFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONITORING_TEXTFILE", str(tmp_path / "metrics.prom"))
    cli("evaluate", make_monitor(), *DAY_ARGS, "--out", tmp_path / "out")
    code, out, _ = cli("publish", tmp_path / "out", "--sink", "pushgateway")
    assert code == 0
    assert "pushgateway: written" in out
    (metrics,) = tmp_path.glob("metrics*.prom")
    assert 'monitor="wine_quality"' in metrics.read_text(encoding="utf-8")


def test_f44_publish_latest_restores_the_newest_window_of_every_monitor(
    cli: Cli, make_monitor: MonitorFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONITORING_TEXTFILE", str(tmp_path / "metrics.prom"))
    for name in ("wine", "beer"):
        cli("evaluate", make_monitor(name, current=sample(600, days=2)), *DAY_ARGS)
    cli("evaluate", make_monitor("wine"), "--start", "2026-11-19", "--end", "2026-11-20")
    code, out, _ = cli("publish", "--latest", "--sink", "pushgateway")
    assert code == 0
    assert [line.split()[:2] for line in sorted(out.splitlines())] == [
        ["beer", str(DAY)],
        ["wine", str(DAY)],
    ]


def test_publish_goes_on_after_a_folder_that_holds_nothing(
    cli: Cli, make_monitor: MonitorFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONITORING_TEXTFILE", str(tmp_path / "metrics.prom"))
    cli("evaluate", make_monitor(), *DAY_ARGS, "--out", tmp_path / "out")
    code, out, err = cli("publish", tmp_path / "nothing", tmp_path / "out", "--sink", "pushgateway")
    assert code == 1
    assert err.count("\n") == 1
    assert "pushgateway: written" in out


def test_f32_sigterm_removes_temporary_files_and_fails(
    make_monitor: MonitorFactory, tmp_path: Path
) -> None:
    """A pod that is evicted leaves nothing behind but a non-zero exit code."""
    code = (
        "import sys, tempfile, threading\n"
        "from monitoring_jobs.cli import main\n"
        "import monitoring_jobs.spec as spec\n"
        "def wait():\n"
        "    with tempfile.TemporaryDirectory(dir=sys.argv[1]):\n"
        "        print('waiting', flush=True)\n"
        "        threading.Event().wait()\n"
        "spec.json_schema = wait\n"
        "main(['schema'])\n"
    )
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", code, str(scratch)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        assert list(scratch.iterdir())
        process.terminate()
        assert process.wait(timeout=30) == 128 + signal.SIGTERM
    assert not list(scratch.iterdir())


def test_help_answers_within_a_second() -> None:
    """Processor time: the promise is about this program, not about what else the machine does."""
    command = [sys.executable, "-m", "monitoring_jobs", "--help"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert usage.ru_utime + usage.ru_stime < 1
