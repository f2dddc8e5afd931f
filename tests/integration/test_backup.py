"""Backup and restore: all of it comes back, or nothing has changed and one line says why."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from monitoring_jobs.backup import BackupFailed, backup, restore
from monitoring_jobs.backup.places import Store
from monitoring_jobs.backup.stores import save_store
from monitoring_jobs.backup.writing import Writer
from monitoring_jobs.database import migrate
from monitoring_jobs.errors import DatabaseRefused
from monitoring_jobs.reports.store import ReportStore
from monitoring_jobs.settings import Settings
from monitoring_jobs.sinks.postgres import PostgresSink
from tests.fixtures.command_line import Cli
from tests.fixtures.evaluations import day, make_evaluation
from tests.fixtures.object_storage import Bucket
from tests.fixtures.postgres import Gate, Server, rows, url_as

HTML = "<html>report</html>"
Change = Callable[[dict[str, bytes]], None]


def untold(_done: int, _total: int | None, _name: str) -> None:
    """Report progress to nobody."""


def fill(owner: str, folder: str | Path) -> None:
    """Publish two windows with their reports."""
    sink, store = PostgresSink(url_as(owner, "monitoring_writer")), ReportStore.open(folder)
    for number in range(2):
        sink.write(store.put(make_evaluation(window=day(number), attempt=f"a{number}"), HTML))


def settings(url: str, store: str | Path, **more: Any) -> Settings:
    return Settings.load(database_url=url, report_store=str(store), **more)


@dataclass(frozen=True)
class Saved:
    """A backup, and what it was made of."""

    file: Path
    url: str
    reports: Path

    @property
    def members(self) -> dict[str, bytes]:
        with tarfile.open(self.file) as tar:
            return {one.name: tar.extractfile(one).read() for one in tar}  # type: ignore[union-attr]


@pytest.fixture(scope="module", autouse=True)
def _programs(postgres_server: Server) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{postgres_server.binaries}{os.pathsep}{os.environ['PATH']}")
        yield


@pytest.fixture(scope="module")
def saved(
    postgres_server: Server,
    _migrated_template: str,
    _programs: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Saved]:
    folder = tmp_path_factory.mktemp("saved")
    name = postgres_server.create_database(template=_migrated_template)
    url = postgres_server.url(name)
    fill(url, folder / "reports")
    owner = url_as(url, "monitoring_owner")
    backup(settings(owner, folder / "reports"), str(folder / "backup.tar"), untold)
    yield Saved(folder / "backup.tar", url, folder / "reports")
    postgres_server.drop_database(name)


def files_of(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def content(url: str) -> Mapping[str, Any]:
    """Return the rows of the tables, and everybody's rights."""
    tables = rows(
        url,
        "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') "
        "AND NOT relispartition AND relnamespace = 'monitoring'::regnamespace",
    )
    found: dict[str, Any] = {
        table: sorted(map(str, rows(url, f"SELECT * FROM {table}"))) for (table,) in tables
    }
    rights = (
        (
            "SELECT relname, relowner::regrole::text, relacl::text FROM pg_class "
            "WHERE relnamespace = 'monitoring'::regnamespace ORDER BY 1"
        ),
        (
            "SELECT proname, proowner::regrole::text, proacl::text FROM pg_proc "
            "WHERE pronamespace = 'monitoring'::regnamespace ORDER BY 1"
        ),
        (
            "SELECT nspowner::regrole::text, nspacl::text FROM pg_namespace "
            "WHERE nspname = 'monitoring'"
        ),
    )
    return {**found, "rights": [rows(url, query) for query in rights]}


def written(folder: Path, members: Mapping[str, bytes], *, sums: bool = True) -> Path:
    """Write an archive by hand, with the sums of what it holds."""
    members = dict(members)
    if sums:
        lines = [
            f"{hashlib.sha256(text).hexdigest()}  {name}\n"
            for name, text in members.items()
            if name != "SHA256SUMS"
        ]
        members["SHA256SUMS"] = "".join(lines).encode()
    path = folder / "by-hand.tar"
    with tarfile.open(path, "w") as tar:
        for name, text in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text))
    return path


# --- what comes back ------------------------------------------------------------------------------
def test_restore_into_an_empty_database_and_store_brings_back_rows_rights_and_files(
    saved: Saved, postgres_server: Server, empty_database_url: str, tmp_path: Path, cli: Cli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    assert saved.file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("MONITORING_DATABASE_URL", empty_database_url)
    code, out, err = cli("restore", saved.file)
    assert (code, err) == (0, "")
    assert "database monitoring: restored" in out
    assert "store reports: restored, 4 files" in out
    assert content(empty_database_url) == content(saved.url)
    assert files_of(tmp_path / "reports") == files_of(saved.reports)


def test_owner_restores_into_a_database_that_was_only_migrated(
    saved: Saved, database_url: str, tmp_path: Path
) -> None:
    migrate(database_url)  # a copy of the template lacks the rights on the database itself
    owner = url_as(database_url, "monitoring_owner")
    restore(settings(owner, tmp_path / "reports"), str(saved.file), untold, replace=False)
    assert content(database_url) == content(saved.url)


def test_replace_loses_what_came_later_and_keeps_other_files(
    saved: Saved, database_url: str, tmp_path: Path
) -> None:
    fill(database_url, tmp_path)
    store = ReportStore.open(tmp_path)
    later = store.put(make_evaluation(window=day(40), attempt="later"), HTML)
    PostgresSink(url_as(database_url, "monitoring_writer")).write(later)
    rows(database_url, "CREATE TABLE monitoring.of_a_later_version AS SELECT 1 AS a")
    where = settings(database_url, tmp_path)
    restore(where, str(saved.file), untold, replace=True)
    assert content(database_url) == content(saved.url)
    assert store.windows("wine_quality") == [day(0), day(1), day(40)]


def test_other_tars_and_sha256sum_read_the_archive(saved: Saved, tmp_path: Path) -> None:
    subprocess.run(["tar", "-xf", saved.file, "-C", tmp_path], check=True)
    subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=tmp_path, check=True
    )
    parts = sorted((tmp_path / "databases/monitoring").iterdir())
    dump = b"".join(part.read_bytes() for part in parts)
    listed = subprocess.run(["pg_restore", "--list"], input=dump, capture_output=True, check=True)
    assert b"TABLE DATA monitoring evaluation" in listed.stdout
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    assert manifest["databases"]["monitoring"]["dump_bytes"] == len(dump)
    assert manifest["stores"]["reports"]["files"] == 4


def test_object_storage_is_backed_up_and_restored(
    saved: Saved, database_url: str, s3_bucket: Bucket, tmp_path: Path
) -> None:
    there = settings(database_url, f"{s3_bucket.url}/reports", backup_stores=f"old={saved.reports}")
    copied = settings(saved.url, saved.reports)
    restore(copied_to(copied, there), str(saved.file), untold, replace=False)
    s3_bucket.put("reports/folder/", b"")  # as consoles mark one
    large = "MLmodel/große Datei,1.bin"
    s3_bucket.put(f"reports/{large}", b"x" * (33 << 20))
    backup(there, str(tmp_path / "again.tar"), untold)
    folder = tmp_path / "folder"
    again = settings(database_url, folder, backup_stores=f"old={tmp_path / 'old'}")
    only = ("reports", "old")
    restore(again, str(tmp_path / "again.tar"), untold, replace=False, only=only)
    restored = files_of(folder)
    assert len(restored.pop(large)) == 33 << 20
    assert restored == files_of(tmp_path / "old") == files_of(saved.reports)
    back = there.model_copy(update={"report_store": f"{s3_bucket.url}/back"})
    restore(back, str(tmp_path / "again.tar"), untold, replace=False, only=["reports"])
    assert s3_bucket.filesystem.size(f"{s3_bucket.url}/back/{large}") == 33 << 20


def test_store_that_is_not_there_is_named_instead_of_a_backup_without_it(
    saved: Saved, s3_bucket: Bucket, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONITORING_DATABASE_URL", saved.url)
    refused(cli, ["backup", tmp_path / "b.tar"], "store reports: there is no folder", "make it")
    monkeypatch.setenv("MONITORING_REPORT_STORE", "s3://nobody-made-this/reports")
    refused(cli, ["backup", tmp_path / "b.tar"], "s3://nobody-made-this", "create the")
    assert list(tmp_path.iterdir()) == []


def copied_to(copied: Settings, there: Settings) -> Settings:
    """Return where a backup goes that holds no more than the usual places."""
    return there.model_copy(update={"backup_stores": copied.backup_stores})


def test_further_databases_are_backed_up_whole_and_restored(
    saved: Saved, postgres_server: Server, tmp_path: Path
) -> None:
    first, second = postgres_server.create_database(), postgres_server.create_database()
    source, target = postgres_server.url(first), postgres_server.url(second)
    try:
        for url in (source, target):
            rows(
                url,
                "CREATE TYPE state AS ENUM ('on');"
                "CREATE TABLE dag (id serial PRIMARY KEY, s state);"
                "CREATE VIEW seen AS SELECT id FROM dag; CREATE FUNCTION one() RETURNS int "
                "LANGUAGE sql AS 'SELECT 1'; CREATE SCHEMA more CREATE TABLE t (a int);"
                "CREATE TYPE span AS RANGE (subtype = int4); SELECT lo_from_bytea(7, 'large');",
            )
        rows(source, "INSERT INTO dag (s) VALUES ('on'), (NULL)")
        rows(target, "INSERT INTO dag (s) VALUES ('on'); CREATE TABLE newer (a int)")
        file = str(tmp_path / "all.tar")
        backup(
            settings(saved.url, saved.reports, backup_databases=f"airflow={source}"), file, untold
        )
        there = settings(saved.url, saved.reports, backup_databases=f"airflow={target}")
        restore(there, file, untold, replace=True, only=["airflow"])
        assert rows(target, "SELECT id, s FROM public.dag ORDER BY id") == [(1, "on"), (2, None)]
        assert rows(target, "INSERT INTO public.dag DEFAULT VALUES RETURNING id") == [(3,)]
        assert rows(target, "SELECT to_regclass('public.newer')") == [(None,)]
        assert rows(target, "SELECT convert_from(lo_get(7), 'UTF8')") == [("large",)]
    finally:
        postgres_server.drop_database(first)
        postgres_server.drop_database(second)


def test_large_objects_do_not_end_the_one_transaction(
    saved: Saved, empty_database_url: str, tmp_path: Path
) -> None:
    file, url = str(tmp_path / "all.tar"), empty_database_url
    rows(url, "CREATE TABLE t AS SELECT 'saved' AS a; SELECT lo_from_bytea(7, 'large')")
    rows(url, 'CREATE COLLATION public.ours FROM "C"')  # which a restore does not replace
    where = settings(saved.url, saved.reports, backup_databases=f"other={url}")
    backup(where, file, untold)
    rows(url, "UPDATE t SET a = 'later'")
    with pytest.raises(DatabaseRefused, match="already exists"):
        restore(where, file, untold, replace=True, only=["other"])
    assert rows(url, "SELECT a FROM t") == [("later",)]


def test_what_others_have_built_on_the_results_is_not_lost_with_them(
    saved: Saved, database_url: str, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows(database_url, "CREATE VIEW public.ours AS SELECT monitor FROM evaluation")
    monkeypatch.setenv("MONITORING_DATABASE_URL", database_url)
    for words in ([], ["--replace"]):
        refused(cli, ["restore", saved.file, *words], "public.ours is built on the schema", "drop")
    assert rows(database_url, "SELECT * FROM public.ours") == []
    assert not (tmp_path / "reports").exists()


def test_archive_is_restored_from_a_pipe(
    saved: Saved, empty_database_url: str, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cp", saved.file, tmp_path / "pipe"]):
        where = settings(empty_database_url, tmp_path / "reports")
        restore(where, str(tmp_path / "pipe"), untold, replace=False, only=["reports"])
    assert files_of(tmp_path / "reports") == files_of(saved.reports)


@pytest.mark.parametrize(
    "report", ["", "..", "evaluation.json", "a\0.html", "a/b.html", 7, "gone.html"]
)
def test_artifact_that_is_called_like_an_evaluation_is_a_file_like_others(
    tmp_path: Path, report: object
) -> None:
    (tmp_path / "evaluation.json").write_text(json.dumps({"report": report}))
    output = io.BytesIO()
    assert save_store(Store("mlflow", str(tmp_path)), Writer(output), untold).files == 1
    with tarfile.open(fileobj=io.BytesIO(output.getvalue() + bytes(1024))) as tar:
        assert tar.getnames() == ["stores/mlflow/evaluation.json"]


def test_report_that_is_replaced_while_it_is_copied_is_copied_with_its_evaluation(
    tmp_path: Path,
) -> None:
    store = ReportStore.open(tmp_path / "reports")
    store.put(make_evaluation(attempt="a1"), HTML)
    later = make_evaluation(attempt="a2")

    def rerun(_done: int, _total: int | None, name: str) -> None:
        if name.endswith("evaluation.json"):
            store.put(later, "<html>later</html>")

    with (tmp_path / "backup.tar").open("wb") as output:
        writer = Writer(output)
        save_store(Store("reports", str(tmp_path / "reports")), writer, rerun)
    with tarfile.open(tmp_path / "backup.tar") as tar:
        names = [name.rpartition("/")[2] for name in tar.getnames()]
    assert names == ["report-a1.html", "report-a2.html", "evaluation.json"]


# --- what changes nothing -------------------------------------------------------------------------
def refused(cli: Cli, words: list[object], *reasons: str, code: int = 1) -> None:
    found, out, err = cli(*words)
    assert (found, out) == (code, "")
    assert err.count("\n") == 1
    for reason in reasons:
        assert reason in err


@pytest.fixture
def empty(
    command_environment: None,
    empty_database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[None]:
    """An empty database and store that are to stay so."""
    monkeypatch.setenv("MONITORING_DATABASE_URL", empty_database_url)
    yield
    assert rows(empty_database_url, "SELECT to_regnamespace('monitoring')") == [(None,)]
    assert not (tmp_path / "reports").exists()


def _truncate(content: bytes) -> bytes:
    return content[: len(content) // 2 // 512 * 512]


def _cut_the_end(content: bytes) -> bytes:
    return content[: content.rindex(b"SHA256SUMS") // 512 * 512]


def _flip(content: bytes) -> bytes:
    at = content.index(b"<html>")
    return content[:at] + b"[" + content[at + 1 :]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_truncate, "is no backup, or damaged"),
        (_cut_the_end, "is incomplete: its end is missing"),
        (_flip, "report-a0.html is not what was written"),
        (lambda _: b"", "is no backup"),
        (lambda _: b"PGDMP" + bytes(2000), "is no backup"),
    ],
)
def test_damaged_archive_changes_nothing(
    saved: Saved, empty: None, tmp_path: Path, cli: Cli,
    change: Callable[[bytes], bytes], reason: str,
) -> None:  # fmt: skip
    damaged = tmp_path / "damaged.tar"
    damaged.write_bytes(change(saved.file.read_bytes()))
    refused(cli, ["restore", damaged], str(damaged), reason, "use another backup")


def _drop_a_part(members: dict[str, bytes]) -> None:
    del members["databases/monitoring/dump.000000"]


def _later_schema(members: dict[str, bytes]) -> None:
    members["manifest.json"] = members["manifest.json"].replace(b'"0003"', b'"9999"')


def _later_format(members: dict[str, bytes]) -> None:
    members["manifest.json"] = members["manifest.json"].replace(b'"format": 1', b'"format": 2')


def _later_server(members: dict[str, bytes]) -> None:
    members["manifest.json"] = members["manifest.json"].replace(b'"major": 18', b'"major": 99')


def _no_manifest(members: dict[str, bytes]) -> None:
    members["manifest.json"] = b"[1]"


def _lacks_files(members: dict[str, bytes]) -> None:
    for name in [name for name in members if name.startswith("stores/")]:
        del members[name]


def _saying(place: str, name: str, **odd: object) -> Change:
    """Return what makes a manifest say something odd of a database or store."""

    def change(members: dict[str, bytes]) -> None:
        manifest = json.loads(members["manifest.json"])
        manifest[place][name].update(odd)
        members["manifest.json"] = json.dumps(manifest).encode()

    return change


def _another_database(members: dict[str, bytes]) -> None:
    manifest = json.loads(members["manifest.json"])
    manifest["databases"]["mlflow"] = manifest["databases"]["monitoring"]
    members["manifest.json"] = json.dumps(manifest).encode()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_drop_a_part, "the backup's dump of monitoring: "),
        (_later_schema, "is at revision 9999, this code knows 0003; restore with monitoring-jobs"),
        (_later_format, "is of format 2, this code knows 1; upgrade monitoring-jobs"),
        (_later_server, "is of Postgres 99, the server of 18; restore into Postgres 99"),
        (_no_manifest, "the backup's manifest cannot be read"),
        (_saying("stores", "reports", files="many"), "manifest cannot be read"),
        (_saying("stores", "reports", size_bytes=float("inf")), "manifest cannot be read"),
        (_saying("databases", "monitoring", major=[18]), "manifest cannot be read"),
        (_saying("databases", "monitoring", revision=9), "is at revision 9, this code knows"),
        (lambda members: members.update({"manifest.json": b"[" * 100_000}), "cannot be read"),
        (_lacks_files, "lacks files of reports"),
        (_another_database, "holds mlflow, and no setting says where that belongs"),
        *[
            (lambda members, name=name: members.update({name: b"x"}), "a file that no backup has")
            for name in (
                "../../etc/cron.d/x",
                "/etc/passwd",
                "stores/reports/../../../x",
                "stores/reports/a\nb",
                "stores/reports//x",
                "stores\\reports\\x\\y",
                "elsewhere/x/y",
                "stores/x",
            )
        ],
    ],
)
def test_archive_of_others_changes_nothing(
    saved: Saved, empty: None, tmp_path: Path, cli: Cli, change: Change, reason: str
) -> None:
    members = saved.members
    change(members)
    refused(cli, ["restore", written(tmp_path, members)], reason)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_archive_with_more_than_plain_files_changes_nothing(
    empty: None, tmp_path: Path, cli: Cli, kind: bytes
) -> None:
    link = tarfile.TarInfo("stores/reports/link")
    link.type, link.linkname = kind, "/etc/passwd"
    with tarfile.open(tmp_path / "links.tar", "w") as tar:
        tar.addfile(link)
    refused(cli, ["restore", tmp_path / "links.tar"], "that is no plain file; do not trust it")


def test_database_with_rows_is_not_replaced_unasked(
    saved: Saved, database_url: str, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database_url, tmp_path / "elsewhere")
    before = content(database_url)
    monkeypatch.setenv("MONITORING_DATABASE_URL", database_url)
    refused(cli, ["restore", saved.file], "has rows already, in monitoring.", "add --replace")
    assert content(database_url) == before
    assert not (tmp_path / "reports").exists()


def test_store_with_files_is_not_overwritten_unasked(
    saved: Saved, empty_database_url: str, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/mine.txt").write_text("mine")
    monkeypatch.setenv("MONITORING_DATABASE_URL", empty_database_url)
    refused(cli, ["restore", saved.file], "mine.txt is there already", "add --replace")
    assert rows(empty_database_url, "SELECT to_regnamespace('monitoring')") == [(None,)]


def test_restore_that_is_killed_leaves_the_old_rows_and_mends_when_it_is_repeated(
    saved: Saved, database_url: str, tmp_path: Path
) -> None:
    fill(database_url, tmp_path / "reports")
    rows(database_url, "UPDATE evaluation SET owner = 'before'")
    before = content(database_url)
    gate = Gate(database_url)
    gate.after_ddl("CREATE VIEW")
    environment = {
        **os.environ,
        "MONITORING_DATABASE_URL": database_url,
        "MONITORING_REPORT_STORE": str(tmp_path / "reports"),
    }
    command = [sys.executable, "-m", "monitoring_jobs", "restore", "-", "--replace"]
    with saved.file.open("rb") as source:
        process = subprocess.Popen(command, stdin=source, env=environment)
    try:
        gate.wait_for(1)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    gate.open()
    assert content(database_url) == before
    rows(database_url, "DROP EVENT TRIGGER gate")
    where = settings(database_url, tmp_path / "reports")
    restore(where, str(saved.file), untold, replace=True)
    assert content(database_url) == content(saved.url)


# --- what a backup needs --------------------------------------------------------------------------
def stand_in(folder: Path, script: str) -> None:
    path = folder / "bin/pg_dump"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


VERSION = 'test "$1" = --version && echo "pg_dump (PostgreSQL) {}" && exit'
LACKS = {
    "none": ("", "pg_dump is not on PATH; install postgresql-client-18 or later"),
    "old": (
        VERSION.format("16.9"),
        "is of Postgres 16, the server of 18; install postgresql-client",
    ),
    "strange": ("echo hello", "does not tell its version"),
    "failing": (
        VERSION.format("18.0")
        + "\nhead -c 9000000 /dev/zero; echo pg_dump: error: no luck >&2; exit 1",
        ": no luck",
    ),
}


@pytest.mark.parametrize("lack", LACKS)
def test_backup_without_a_fit_pg_dump_says_so_in_one_line_and_leaves_no_file(
    saved: Saved, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch, lack: str
) -> None:
    script, reason = LACKS[lack]
    if script:
        stand_in(tmp_path, script)
    monkeypatch.setenv(
        "PATH",
        f"{tmp_path / 'bin'}:/nowhere" if lack == "none" else f"{tmp_path / 'bin'}:/usr/bin:/bin",
    )
    monkeypatch.setenv("MONITORING_REPORT_STORE", str(saved.reports))
    monkeypatch.setenv("MONITORING_DATABASE_URL", saved.url)
    (tmp_path / "out").mkdir()
    refused(cli, ["backup", tmp_path / "out/backup.tar"], reason)
    assert list((tmp_path / "out").iterdir()) == []


def test_f63_passwords_are_on_no_command_line(
    saved: Saved, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    stand_in(tmp_path, f'{VERSION.format("18.0")}\necho "$@" > {log}; env > {log}.env')
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    url = saved.url.replace("postgres@", "postgres:canary%40secret@")
    monkeypatch.setenv("MONITORING_REPORT_STORE", str(saved.reports))
    monkeypatch.setenv("MONITORING_DATABASE_URL", url)
    code, _out, err = cli("backup", tmp_path / "backup.tar")
    assert (code, err) == (0, "")
    assert "canary" not in log.read_text()
    assert "PGPASSWORD=canary@secret\n" in Path(f"{log}.env").read_text()


def test_f63_secret_that_a_program_would_show_is_refused(
    saved: Saved, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONITORING_REPORT_STORE", str(saved.reports))
    monkeypatch.setenv("MONITORING_DATABASE_URL", f"{saved.url}&sslpassword=canary")
    refused(cli, ["backup", tmp_path / "b.tar"], "would see its sslpassword", code=2)


def test_wrong_password_is_one_line(
    saved: Saved, postgres_server: Server, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = postgres_server.data / "pg_hba.conf"
    text = rules.read_text(encoding="utf-8")
    rows(saved.url, "CREATE ROLE locked LOGIN PASSWORD 'right'")
    try:
        rules.write_text(f"local all locked scram-sha-256\n{text}", encoding="utf-8")
        rows(saved.url, "SELECT pg_reload_conf()")
        url = url_as(saved.url, "locked:canary")
        monkeypatch.setenv("MONITORING_REPORT_STORE", str(saved.reports))
        monkeypatch.setenv("MONITORING_DATABASE_URL", url)
        refused(
            cli, ["backup", tmp_path / "b.tar"], "password authentication failed", "check MONIT"
        )
    finally:
        rules.write_text(text, encoding="utf-8")
        rows(saved.url, "SELECT pg_reload_conf(); DROP ROLE locked")


def test_user_without_rights_on_everything_is_refused_before_the_dump(
    saved: Saved, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONITORING_REPORT_STORE", str(saved.reports))
    monkeypatch.setenv("MONITORING_DATABASE_URL", url_as(saved.url, "monitoring_reader"))
    refused(cli, ["backup", tmp_path / "b.tar"], "connect as", "monitoring_owner")


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (".", "is a folder; name a file"),
        ("no/such/b.tar", "No such file"),
        ("/proc/b.tar", "cannot"),
    ],
)
def test_backup_that_cannot_be_written_is_one_line(
    saved: Saved, cli: Cli, monkeypatch: pytest.MonkeyPatch, target: str, reason: str
) -> None:
    monkeypatch.setenv("MONITORING_REPORT_STORE", str(saved.reports))
    monkeypatch.setenv("MONITORING_DATABASE_URL", saved.url)
    refused(cli, ["backup", target], reason)


def test_backup_takes_the_place_of_no_device_or_pipe(
    saved: Saved, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setenv("MONITORING_REPORT_STORE", str(saved.reports))
    monkeypatch.setenv("MONITORING_DATABASE_URL", saved.url)
    refused(cli, ["backup", tmp_path / "pipe"], "pipe is no plain file", "say -")
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("MONITORING_BACKUP_DATABASES", "postgresql://a:canary@b/c", "write name=URL,name=URL"),
        (
            "MONITORING_BACKUP_DATABASES",
            "monitoring=postgresql://a:canary@b/c",
            "twice, or as ours",
        ),
        ("MONITORING_BACKUP_DATABASES", "a=mysql://a:canary@b/c", "the URL of a is not one of"),
        ("MONITORING_BACKUP_DATABASES", "a=postgresql://a:canary@b@c/d", "the URL of a is not"),
        ("MONITORING_BACKUP_STORES", "reports=s3://x", "twice, or as ours"),
        ("MONITORING_BACKUP_STORES", "Mlflow=s3://x", "names like mlflow"),
    ],
)
def test_malformed_list_of_places_is_bad_usage(
    saved: Saved, tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch,
    name: str, value: str, reason: str,
) -> None:  # fmt: skip
    monkeypatch.setenv("MONITORING_DATABASE_URL", saved.url)
    monkeypatch.setenv(name, value)
    code, _out, err = cli("backup", tmp_path / "b.tar")
    assert code == 2
    assert reason in err
    assert "canary" not in err


def test_file_whose_name_no_archive_can_hold_is_named(tmp_path: Path) -> None:
    (tmp_path / "a\nb").write_text("x")
    with pytest.raises(BackupFailed, match="no archive can hold the name"):
        save_store(Store("reports", str(tmp_path)), Writer(io.BytesIO()), untold)
