"""pg_dump and pg_restore: found, old enough to be refused, and run without a password in sight."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from threading import Thread
from typing import IO, cast

from monitoring_jobs.errors import DatabaseRefused, MissingDependency

_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")
_PREFIX = re.compile(r"^pg_(?:dump|restore): (?:error: )?")
_NO_PIPE = -13  # the reader has read enough, and the writer was told so by SIGPIPE


def program(name: str, server: int) -> str:
    """Return the path of a program of Postgres that is not older than the server.

    Args:
        name: ``pg_dump`` or ``pg_restore``.
        server: Major version of the server.

    Raises:
        MissingDependency: It is not on PATH, or too old.
    """
    path = shutil.which(name)
    cure = f"install postgresql-client-{server} or later"
    if path is None:
        raise MissingDependency(f"{name} is not on PATH", cure)
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    version = _VERSION.search(told.stdout)
    if version is None:
        raise MissingDependency(f"{path} does not tell its version", cure)
    if int(version[1]) < server:
        raise MissingDependency(
            f"{path} is of Postgres {version[1]}, the server of {server}", f"{cure}, first on PATH"
        )
    return path


@contextmanager
def output_of(
    command: Sequence[str],
    *,
    source: IO[bytes] | None = None,
    secrets: Mapping[str, str] | None = None,
    what: str,
    cure: str = "",
) -> Iterator[IO[bytes]]:
    """Run a program and yield what it writes; it is ended with the block.

    Args:
        command: Path and arguments.
        source: What it reads; nothing where there is none.
        secrets: Further variables of its environment.
        what: What it works on, for the error.
        cure: What helps where it fails.

    Raises:
        DatabaseRefused: It failed.
    """
    with TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603 - a program of Postgres, no shell
            command,
            stdin=subprocess.DEVNULL if source is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**os.environ, **(secrets or {}), "LC_ALL": "C"},
        )
        feeder = Thread(target=_feed, args=(source, process.stdin), daemon=True)
        feeder.start()
        try:
            with cast("IO[bytes]", process.stdout) as output:
                yield output
            code = process.wait()
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            feeder.join()
        if code not in (0, _NO_PIPE):
            complaints.seek(0)
            reason = _first_line(complaints.read(4096)) or f"ended with {code}"
            raise DatabaseRefused(f"{what}: {reason}", cure)


def _feed(source: IO[bytes] | None, pipe: IO[bytes] | None) -> None:
    """Give a program its input; one that has read enough closes the pipe."""
    if source is None or pipe is None:
        return
    with suppress(BrokenPipeError), pipe:
        shutil.copyfileobj(source, pipe)


def _first_line(complaints: bytes) -> str:
    line = complaints.decode("utf-8", "replace").strip().partition("\n")[0]
    return _PREFIX.sub("", line)
