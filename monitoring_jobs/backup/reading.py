"""Reading an archive: every byte is checked before anything is changed."""

from __future__ import annotations

import hashlib
import io
import shutil
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, cast

from monitoring_jobs.backup.manifest import (
    DATABASES,
    MANIFEST,
    STORES,
    SUMS,
    ArchiveRefused,
    Manifest,
    checked_name,
)
from monitoring_jobs.errors import InvalidSettings

_PIECE = 1 << 20
# What is read into memory; a million files of a store take a tenth of this.
_LONGEST_TEXT = 1 << 30
_ANOTHER = "use another backup"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a member's bytes lie in the archive."""

    offset: int
    size: int


class Archive:
    """An archive whose every byte is as it was written."""

    def __init__(self, file: IO[bytes], places: dict[str, _Place], manifest: Manifest) -> None:
        self._file = file
        self._places = places
        self.manifest = manifest

    def size(self, member: str) -> int:
        """Return the length of a member."""
        return self._places[member].size

    def files(self, store: str) -> list[str]:
        """Return the members of a store."""
        return [name for name in self._places if name.startswith(f"{STORES}/{store}/")]

    def open(self, member: str) -> IO[bytes]:
        """Open a member; only one is open at a time."""
        return self._joined([member])

    def dump(self, database: str) -> IO[bytes]:
        """Open the dump of a database; only one is open at a time."""
        prefix = f"{DATABASES}/{database}/"
        return self._joined(sorted(name for name in self._places if name.startswith(prefix)))

    def _joined(self, members: Sequence[str]) -> IO[bytes]:
        joined = _Joined(self._file, [self._places[name] for name in members])
        return cast("IO[bytes]", io.BufferedReader(joined))


class _Joined(io.RawIOBase):
    """Some members of an archive, one after the other."""

    def __init__(self, file: IO[bytes], places: Sequence[_Place]) -> None:
        self._file = file
        self._left = [place for place in reversed(places) if place.size]
        self._done = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        if not self._left:
            return 0
        place = self._left[-1]
        self._file.seek(place.offset + self._done)
        piece = self._file.read(min(len(buffer), place.size - self._done))
        self._done += len(piece)
        if self._done == place.size:
            self._left.pop()
            self._done = 0
        elif not piece:
            raise ArchiveRefused("the backup became shorter while it was read", _ANOTHER)
        buffer[: len(piece)] = piece
        return len(piece)


@contextmanager
def verified(source: str) -> Iterator[Archive]:
    """Open an archive, or standard input for ``-``, and check all of it.

    Standard input is kept in a temporary file meanwhile, for it is read twice.

    Raises:
        ArchiveRefused: It is damaged, incomplete, of a later version, or no backup at all.
        InvalidSettings: Standard input is a terminal, or closed.
    """
    with _opened(source) as file:
        try:
            with tarfile.open(fileobj=file, mode="r:") as tar:
                digests, places = _read(tar, file)
        except (tarfile.TarError, EOFError, ValueError, OverflowError) as exc:
            raise ArchiveRefused(f"{_shown(source)} is no backup, or damaged", _ANOTHER) from exc
        if SUMS not in places or MANIFEST not in places:
            raise ArchiveRefused(f"{_shown(source)} is incomplete: its end is missing", _ANOTHER)
        manifest = Manifest.from_json(_text(file, places, MANIFEST))
        _compare(digests, _sums(_text(file, places, SUMS)), source)
        yield Archive(file, places, manifest)


def _read(tar: tarfile.TarFile, file: IO[bytes]) -> tuple[dict[str, str], dict[str, _Place]]:
    digests: dict[str, str] = {}
    places: dict[str, _Place] = {}
    while (member := tar.next()) is not None:
        tar.members = []  # type: ignore[attr-defined] # a list that grows and is not needed
        name = checked_name(member.name)
        plain = member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse()
        if not plain or name in places:
            reason = "twice" if plain else "that is no plain file"
            raise ArchiveRefused(f"the backup holds {name[:80]!r} {reason}", "do not trust it")
        places[name] = _Place(member.offset_data, member.size)
        digests[name] = _digest(file, places[name])
    return digests, places


def _digest(file: IO[bytes], place: _Place) -> str:
    file.seek(place.offset)
    digest, left = hashlib.sha256(), place.size
    while left:
        piece = file.read(min(_PIECE, left))
        if not piece:
            raise EOFError
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest()


def _text(file: IO[bytes], places: dict[str, _Place], name: str) -> bytes:
    if places[name].size > _LONGEST_TEXT:
        raise ArchiveRefused(f"the backup's {name} is too large", "do not trust it")
    file.seek(places[name].offset)
    return file.read(places[name].size)


def _sums(content: bytes) -> dict[str, str]:
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines) if name}


def _compare(found: dict[str, str], told: dict[str, str], source: str) -> None:
    for name in {*found, *told} - {SUMS}:
        if found.get(name) != told.get(name):
            what = "is missing" if name not in found else "is not what was written"
            raise ArchiveRefused(f"{_shown(source)} is damaged: {name} {what}", _ANOTHER)


@contextmanager
def _opened(source: str) -> Iterator[IO[bytes]]:
    if source == "-":
        if sys.stdin is None or sys.stdin.isatty():
            raise InvalidSettings("no backup is led to standard input", "add < FILE.tar")
        with _kept(sys.stdin.buffer) as file:
            yield file
        return
    try:
        archive = Path(source).open("rb")  # noqa: SIM115 - closed below
    except OSError as exc:
        raise ArchiveRefused(f"{source} cannot be read: {exc.strerror}", "check the name") from exc
    with archive:
        if archive.seekable():
            yield archive
            return
        with _kept(archive) as file:
            yield file


@contextmanager
def _kept(pipe: IO[bytes]) -> Iterator[IO[bytes]]:
    """Keep what a pipe holds in a temporary file, for as long as it is needed."""
    with TemporaryFile() as file:
        try:
            shutil.copyfileobj(pipe, file)
        except OSError as exc:
            raise ArchiveRefused(
                f"the backup cannot be kept in a temporary file: {exc.strerror}",
                "set TMPDIR to a folder with room, or name a file instead of a pipe",
            ) from exc
        file.seek(0)
        yield file


def _shown(source: str) -> str:
    return "standard input" if source == "-" else source
