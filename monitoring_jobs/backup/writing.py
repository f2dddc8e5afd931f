"""Writing an archive: a tar that is never half there under its own name."""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, cast

from monitoring_jobs.backup.manifest import DATABASES, MANIFEST, STORES, SUMS, Manifest
from monitoring_jobs.errors import InvalidSettings, TerminalError
from monitoring_jobs.whole_file import whole_file

PART_BYTES = 8 << 20

_PRIVATE = 0o600


class BackupFailed(TerminalError):
    """An archive that could not be written."""


class Readable(Protocol):
    """What can be read piece by piece."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, none at the end."""


class Writer:
    """An archive that is being written, from its beginning to its end."""

    def __init__(self, output: IO[bytes]) -> None:
        # GNU's format holds names of any length, and any tar reads it.
        pipe = cast("IO[bytes]", _Pipe(output))
        self._tar = tarfile.open(fileobj=pipe, mode="w", format=tarfile.GNU_FORMAT)  # noqa: SIM115
        self._sums: dict[str, str] = {}

    def add_dump(self, name: str, dump: IO[bytes]) -> int:
        """Add a database's dump in parts, for its length is known at its end; return the length."""
        length = 0
        for number in range(sys.maxsize):
            part = dump.read(PART_BYTES)
            if not part:
                break
            self._add(f"{DATABASES}/{name}/dump.{number:06}", io.BytesIO(part), len(part))
            length += len(part)
        return length

    def add_file(self, store: str, name: str, content: Readable, size: int) -> None:
        """Add a file of a store.

        Raises:
            BackupFailed: It is shorter than it says.
        """
        self._add(f"{STORES}/{store}/{name}", content, size)

    def add_bytes(self, store: str, name: str, content: bytes) -> None:
        """Add a file of a store that has been read."""
        self.add_file(store, name, io.BytesIO(content), len(content))

    def finish(self, manifest: Manifest) -> None:
        """Write what the archive holds, and the sums of it all."""
        content = manifest.to_json()
        self._add(MANIFEST, io.BytesIO(content), len(content))
        lines = "".join(f"{digest}  {name}\n" for name, digest in self._sums.items())
        sums = lines.encode("utf-8", "surrogateescape")
        self._add(SUMS, io.BytesIO(sums), len(sums))
        self._tar.close()

    def _add(self, name: str, content: Readable, size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mtime, member.mode = size, int(time.time()), _PRIVATE
        hashed = _Hashed(content)
        try:
            self._tar.addfile(member, hashed)
        except tarfile.TarError as exc:
            raise BackupFailed(f"the backup cannot be written: {exc}") from exc
        except OSError as exc:
            if hashed.read_bytes < size and exc.errno is None:
                raise BackupFailed(
                    f"{name} became shorter while it was read", "make the backup again"
                ) from exc
            raise
        self._sums[name] = hashed.digest()


class _Pipe:
    """Something to write to that may not know where it is."""

    def __init__(self, output: IO[bytes]) -> None:
        self._output = output
        self._written = 0

    def write(self, piece: bytes) -> int:
        self._written += len(piece)
        return self._output.write(piece)

    def tell(self) -> int:
        return self._written


class _Hashed:
    """Something to read, and its sum."""

    def __init__(self, content: Readable) -> None:
        self._content = content
        self._hash = hashlib.sha256()
        self.read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        piece = self._content.read(size)
        self._hash.update(piece)
        self.read_bytes += len(piece)
        return piece

    def digest(self) -> str:
        return self._hash.hexdigest()


@contextmanager
def output_to(target: str) -> Iterator[IO[bytes]]:
    """Open a file for an archive, or standard output for ``-``.

    The file gets its name when all of it is on the disk, and only its owner may read it.

    Raises:
        InvalidSettings: Standard output is a terminal.
        BackupFailed: The file cannot be written.
    """
    try:
        if target == "-":
            if sys.stdout.isatty():
                raise InvalidSettings("a backup is no text for a terminal", "add > FILE.tar")
            yield sys.stdout.buffer
            sys.stdout.buffer.flush()
            return
        with whole_file(_plain(Path(target)), private=True) as output:
            yield output
    except OSError as exc:
        place = "standard output" if target == "-" else target
        raise BackupFailed(
            f"the backup cannot be written to {place}: {exc.strerror or type(exc).__name__}",
            "name a place with room that you may write to",
        ) from exc


def _plain(path: Path) -> Path:
    if path.is_dir():
        raise BackupFailed(f"{path} is a folder", f"name a file, such as {path / 'backup.tar'}")
    if path.exists() and not path.is_file():  # a device or pipe: the file would take its place
        raise BackupFailed(f"{path} is no plain file", "name another, or say - and lead it there")
    return path
