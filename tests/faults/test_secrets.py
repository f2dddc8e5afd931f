"""F63: a canary secret in every setting appears in nothing that a person can read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.command_line import Cli
from tests.fixtures.monitors import MonitorFactory

CANARY = "canary-5e0fd1"
DAY_ARGS = ("--start", "2026-11-20", "--end", "2026-11-21", "--no-report")
# Nothing listens on port 1: every service is down, and its address holds the secret.
SECRETS = {
    "MONITORING_DATABASE_URL": f"postgresql://writer:{CANARY}@127.0.0.1:1/monitoring",
    "MLFLOW_TRACKING_URI": f"http://user:{CANARY}@127.0.0.1:1",
    "PUSHGATEWAY_URL": f"http://user:{CANARY}@127.0.0.1:1",
    "MONITORING_WEBHOOK_URL": f"http://127.0.0.1:1/hook?key={CANARY}",
    "MONITORING_WEBHOOK_TOKEN": CANARY,
    "MONITORING_CONNECTION_WAREHOUSE": f"postgresql://reader:{CANARY}@127.0.0.1:1/warehouse",
}


@pytest.fixture(autouse=True)
def _secrets(command_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


def files_below(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("debug", [(), ("--debug",)])
@pytest.mark.parametrize("command", ["migrate", "extract", "maintain", "run", "evaluate"])
def test_f63_no_command_shows_a_secret_while_every_service_is_down(
    cli: Cli,
    make_monitor: MonitorFactory,
    tmp_path: Path,
    command: str,
    debug: tuple[str, ...],
) -> None:
    words = [make_monitor(), *DAY_ARGS] if command in ("run", "evaluate") else []
    code, out, err = cli(command, *words, *debug)
    assert code == (0 if command == "evaluate" else 1)
    assert CANARY not in out + err
    if code and not debug:
        assert err.count("\n") == 1
    assert all(CANARY.encode() not in path.read_bytes() for path in files_below(tmp_path))


@pytest.mark.parametrize(
    "keys",
    [
        {
            "data": {
                "source": "sql",
                "connection": "warehouse",
                "query": "SELECT * FROM log WHERE ts >= :start AND ts < :end",
            }
        },
        {
            "model": {"name": "wine", "alias": "champion"},
            "reference": {"source": "mlflow_artifact", "path": "reference.parquet"},
        },
    ],
    ids=["sql", "mlflow"],
)
def test_f63_no_source_shows_a_secret_while_it_is_down(
    cli: Cli, make_monitor: MonitorFactory, keys: dict[str, object]
) -> None:
    code, out, err = cli("evaluate", make_monitor(**keys), *DAY_ARGS)
    assert code == 1
    assert err.count("\n") == 1
    assert CANARY not in out + err


@pytest.mark.parametrize("sink", ["postgres", "pushgateway", "webhook"])
def test_f63_no_sink_shows_a_secret_while_it_is_down(
    cli: Cli, make_monitor: MonitorFactory, tmp_path: Path, sink: str
) -> None:
    assert cli("evaluate", make_monitor(), *DAY_ARGS, "--out", tmp_path / "out")[0] == 0
    code, out, err = cli("publish", tmp_path / "out", "--sink", sink)
    assert code == 1
    assert err.count("\n") == 1
    assert CANARY not in out + err


@pytest.mark.parametrize("debug", [(), ("--debug",)])
@pytest.mark.parametrize("command", ["migrate", "extract", "maintain", "run"])
@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://u:a@{CANARY}@127.0.0.1:1/d",
        f"postgresql://u:a/{CANARY}@127.0.0.1:1/d",
        f"postgresql://u:a@h:{CANARY}@127.0.0.1:1/d",
        f"postgresql://u:{CANARY}/a@127.0.0.1:1/d",
        f"postgresql://u:a@b?{CANARY}@127.0.0.1:1/d",
    ],
)
def test_f63_a_password_that_breaks_the_database_url_is_refused_unseen(
    cli: Cli,
    make_monitor: MonitorFactory,
    monkeypatch: pytest.MonkeyPatch,
    url: str,
    command: str,
    debug: tuple[str, ...],
) -> None:
    monkeypatch.setenv("MONITORING_DATABASE_URL", url)
    if command == "extract":
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    words = [make_monitor(), *DAY_ARGS] if command == "run" else []
    code, out, err = cli(command, *words, *debug)
    assert CANARY not in out + err
    assert code == (2 if command in ("migrate", "run") else code)
    assert code in (1, 2)


STORES = [
    f"s3://k:{CANARY}@b/x",
    f"s3://k:a/{CANARY}@b/x",
    f"s3://b/x?t={CANARY}",
    f"http://u:{CANARY}@h/x",
]


@pytest.mark.parametrize("debug", [(), ("--debug",)])
@pytest.mark.parametrize("store", STORES)
def test_f63_a_store_url_with_a_secret_is_refused_unseen_before_the_work(
    cli: Cli,
    make_monitor: MonitorFactory,
    monkeypatch: pytest.MonkeyPatch,
    store: str,
    debug: tuple[str, ...],
) -> None:
    monkeypatch.setenv("MONITORING_REPORT_STORE", store)
    path = make_monitor()
    (path.parent / "data/wine_quality/log.parquet").write_bytes(b"not parquet")
    for command in ("evaluate", "run"):
        code, out, err = cli(command, path, *DAY_ARGS, *debug)
        assert (code, out) == (2, "")
        assert CANARY not in err
        assert "report store" in err
        if not debug:
            assert err.count("\n") == 1


@pytest.mark.parametrize("store", STORES)
def test_f63_publish_shows_a_url_without_its_secret(cli: Cli, store: str) -> None:
    code, out, err = cli("publish", store)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert CANARY not in err
