"""docker/write_secrets.py: strong values, kept once they are there, readable by nobody else."""

from __future__ import annotations

import base64
import runpy
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring_jobs.stack.environment import Environment
from tests.unit.docker.compose_file import DOCKER, example, offered, secret_names

HANDED_OUT = {"smtp_password", "slack_url", "pagerduty_routing_key", "webhook_token"}


def _write(folder: Path | str, *more: str) -> subprocess.CompletedProcess[str]:
    # Isolated: nothing but the standard library may be needed.
    command = [sys.executable, "-I", "-S", DOCKER / "write_secrets.py", folder, *more]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _values(folder: Path) -> dict[str, str]:
    lines = (folder / ".env").read_text(encoding="utf-8").splitlines()
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return {pair[0]: pair[1] for pair in pairs}


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _marks(folder: Path) -> dict[Path, tuple[int, int, int]]:
    """Return what changes when a file is written, replaced or opened to others."""
    found = {path: path.stat() for path in folder.rglob("*")}
    return {path: (mark.st_ino, mark.st_mtime_ns, mark.st_mode) for path, mark in found.items()}


def _refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    for word in words:
        assert word in done.stderr


def test_the_example_holds_no_password() -> None:
    for name in secret_names():
        assert f"\n{name}=\n" in example()
    for name, value in offered().items():
        if name.endswith(("PASSWORD", "TOKEN", "SECRET")):
            assert not value, name


def test_every_secret_gets_a_strong_value_of_its_own(tmp_path: Path) -> None:
    assert _write(tmp_path).returncode == 0
    values = _values(tmp_path)
    assert list(values) == secret_names()
    assert len(set(values.values())) == len(values)
    for name, value in values.items():
        # 160 bits name an access key; everything that protects something has 256 or more.
        assert len(value) >= (20 if name.endswith("_ACCESS_KEY") else 43), name
    assert len(base64.urlsafe_b64decode(values["AIRFLOW_FERNET_KEY"])) == 32


def test_two_stacks_share_no_secret(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        _write(tmp_path / name)
    one, other = _values(tmp_path / "one"), _values(tmp_path / "other")
    assert not set(one.values()) & set(other.values())


def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    _write(tmp_path)
    before = _marks(tmp_path)
    text = (tmp_path / ".env").read_bytes()
    done = _write(tmp_path)
    assert done.returncode == 0
    assert "complete" in done.stdout
    assert _marks(tmp_path) == before
    assert (tmp_path / ".env").read_bytes() == text


def test_what_is_missing_is_added_and_the_rest_stays(tmp_path: Path) -> None:
    chosen = "chosen-by-a-person-0123456789"
    (tmp_path / ".env").write_text(
        f"# ours\nAIRFLOW_PORT=8090\nPOSTGRES_PASSWORD={chosen}\nREDIS_PASSWORD=\n",
        encoding="utf-8",
    )
    assert _write(tmp_path).returncode == 0
    values = _values(tmp_path)
    assert values["POSTGRES_PASSWORD"] == chosen
    assert values["AIRFLOW_PORT"] == "8090"
    assert values["REDIS_PASSWORD"]
    assert set(secret_names()) <= values.keys()
    assert (tmp_path / ".env").read_text(encoding="utf-8").startswith("# ours\n")


@pytest.mark.parametrize(
    "line",
    [
        "export POSTGRES_PASSWORD={}",
        "  POSTGRES_PASSWORD = {}  ",
        "POSTGRES_PASSWORD='{}' # ours",
        "POSTGRES_PASSWORD={} # ours",
        "\ufeffPOSTGRES_PASSWORD={}\r",
    ],
)
def test_a_value_is_kept_however_a_person_has_written_it(tmp_path: Path, line: str) -> None:
    line = line.format("chosen-by-a-person-0123456789")
    (tmp_path / ".env").write_text(line, encoding="utf-8", newline="")
    assert _write(tmp_path).returncode == 0
    text = (tmp_path / ".env").read_text(encoding="utf-8")
    assert text.count("POSTGRES_PASSWORD") == 1
    assert line.strip("\ufeff\r") in text


def test_a_file_in_another_encoding_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("POSTGRES_PASSWORD=secret-of-16-or-more", encoding="utf-16")
    done = _write(tmp_path)
    _refused(done, ".env is not in UTF-8")
    assert "secret-of" not in done.stderr


def test_a_folder_that_docker_made_in_place_of_a_secret_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets/slack_url").mkdir(parents=True)
    _refused(_write(tmp_path), "slack_url is not a plain file")


def test_only_the_owner_may_read_and_containers_may(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("", encoding="utf-8")
    (tmp_path / ".env").chmod(0o644)
    _write(tmp_path)
    assert _mode(tmp_path / ".env") == 0o600
    assert _mode(tmp_path / "secrets") == 0o700
    files = {path.name: _mode(path) for path in (tmp_path / "secrets").iterdir()}
    # Containers have users of their own, and a file keeps the mode that it has on the host.
    assert files == dict.fromkeys(HANDED_OUT, 0o444)


def test_modes_that_somebody_opened_are_closed_again(tmp_path: Path) -> None:
    _write(tmp_path)
    (tmp_path / ".env").chmod(0o644)
    (tmp_path / "secrets").chmod(0o755)
    assert _write(tmp_path).returncode == 0
    assert (_mode(tmp_path / ".env"), _mode(tmp_path / "secrets")) == (0o600, 0o700)


def test_no_secret_is_printed(tmp_path: Path) -> None:
    done = _write(tmp_path)
    for value in _values(tmp_path).values():
        assert value not in done.stdout + done.stderr


def test_files_that_others_handed_out_are_kept(tmp_path: Path) -> None:
    _write(tmp_path)
    slack = tmp_path / "secrets" / "slack_url"
    slack.chmod(0o644)
    slack.write_text("https://hooks.example.com/x", encoding="utf-8")
    _write(tmp_path)
    assert slack.read_text(encoding="utf-8") == "https://hooks.example.com/x"


def test_the_mail_servers_password_is_said_once(tmp_path: Path) -> None:
    _write(tmp_path)
    path = tmp_path / "secrets" / "smtp_password"
    for password in ("first-of-the-mail-server", "second-of-the-mail-server"):
        text = (tmp_path / ".env").read_text(encoding="utf-8")
        (tmp_path / ".env").write_text(f"{text}SMTP_PASSWORD={password}\n", encoding="utf-8")
        assert _write(tmp_path).returncode == 0
        assert path.read_text(encoding="utf-8") == password
        assert _mode(path) == 0o444


@pytest.mark.parametrize(
    "value", ["p@ss/word-of-many:characters", 'quote"quote"quote"quote', "a b" * 9]
)
def test_a_password_that_would_break_an_address_is_refused(tmp_path: Path, value: str) -> None:
    (tmp_path / ".env").write_text(f"POSTGRES_PASSWORD={value}\n", encoding="utf-8")
    done = _write(tmp_path)
    _refused(done, "POSTGRES_PASSWORD", "leave it empty")
    assert value not in done.stderr
    assert _values(tmp_path) == {"POSTGRES_PASSWORD": value}


def test_two_fernet_keys_are_kept_while_airflow_goes_from_one_to_the_other(tmp_path: Path) -> None:
    keys = ",".join(base64.urlsafe_b64encode(bytes([one]) * 32).decode() for one in (1, 2))
    (tmp_path / ".env").write_text(f"AIRFLOW_FERNET_KEY={keys}\n", encoding="utf-8")
    assert _write(tmp_path).returncode == 0
    assert _values(tmp_path)["AIRFLOW_FERNET_KEY"] == keys


def test_a_weak_password_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GRAFANA_ADMIN_PASSWORD=admin\n", encoding="utf-8")
    _refused(_write(tmp_path), "GRAFANA_ADMIN_PASSWORD", "fewer than 16")


def test_a_mail_password_that_compose_cannot_hand_on_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('SMTP_PASSWORD=with"quote\n', encoding="utf-8")
    _refused(_write(tmp_path), "SMTP_PASSWORD")


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    _refused(_write(tmp_path / "nowhere"), "nowhere", "No such file")


def test_a_folder_in_place_of_the_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    _refused(_write(tmp_path), ".env", "not a plain file")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("", encoding="utf-8")
    (tmp_path / ".env").symlink_to(tmp_path / "elsewhere")
    _refused(_write(tmp_path), ".env", "not a plain file")
    assert not (tmp_path / "elsewhere").read_text(encoding="utf-8")


def test_a_file_in_place_of_the_folder_of_secrets_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("", encoding="utf-8")
    _refused(_write(tmp_path), "secrets")


def test_a_wrong_use_shows_the_right_one(tmp_path: Path) -> None:
    done = _write(tmp_path, "--force")
    assert done.returncode == 2
    assert done.stderr.startswith("usage:")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "  ", "export ", "# "]),
            st.sampled_from(["A", "POSTGRES_PASSWORD", "9", ""]),
            st.sampled_from(["=", " = ", ": ", ""]),
            st.text("ab\"'#=$ \t", max_size=8),
            st.sampled_from(["", " # a remark", "#none", "  "]),
        ).map("".join),
        max_size=5,
    )
)
def test_monitoring_jobs_stack_reads_the_file_in_the_same_way(
    tmp_path: Path, lines: list[str]
) -> None:
    path = tmp_path / ".env"
    path.write_text("\n".join(lines), encoding="utf-8")
    script = runpy.run_path(str(DOCKER / "write_secrets.py"))
    assert script["assignments"](path.read_text(encoding="utf-8")) == Environment(path).written()
