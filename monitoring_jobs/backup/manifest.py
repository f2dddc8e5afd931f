"""What an archive says of itself, and how its files are called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from typing import Any

from monitoring_jobs.errors import TerminalError

FORMAT = 1
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
DATABASES = "databases"
STORES = "stores"

_LONGEST_NAME = 2000
# What json, int() and a look into anything may raise.
_UNREADABLE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)


class ArchiveRefused(TerminalError):
    """A file that is not restored: damaged, of a later version, or not of ours."""


@dataclass(frozen=True, slots=True)
class SavedDatabase:
    """A database in an archive.

    Attributes:
        server: Version of the server that it was on.
        major: First number of that.
        revision: Of the schema of the results; None for other databases.
        size_bytes: What it took on disk.
        dump_bytes: What its dump takes.
    """

    server: str
    major: int
    revision: str | None
    size_bytes: int
    dump_bytes: int


@dataclass(frozen=True, slots=True)
class SavedStore:
    """A store in an archive.

    Attributes:
        files: How many.
        size_bytes: What they take.
    """

    files: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive holds.

    Attributes:
        code_version: Of monitoring-jobs.
        began: First moment, ISO 8601 in UTC.
        ended: Last moment; the databases are those of the first, the stores lie between.
        databases: By name.
        stores: By name.
        format: Of the archive.
    """

    code_version: str
    began: str
    ended: str
    databases: Mapping[str, SavedDatabase] = field(default_factory=dict)
    stores: Mapping[str, SavedStore] = field(default_factory=dict)
    format: int = FORMAT

    def to_json(self) -> bytes:
        """Return the manifest as the archive holds it."""
        return (json.dumps(asdict(self), indent=2, allow_nan=False) + "\n").encode()

    @classmethod
    def from_json(cls, content: bytes) -> Manifest:
        """Read a manifest.

        Raises:
            ArchiveRefused: It is of a later format, or none.
        """
        try:
            data: Any = json.loads(content)
            if int(data["format"]) > FORMAT:
                raise ArchiveRefused(
                    f"the backup is of format {int(data['format'])}, this code knows {FORMAT}",
                    "upgrade monitoring-jobs on this machine",
                )
            return cls(
                code_version=str(data["code_version"]),
                began=str(data["began"]),
                ended=str(data["ended"]),
                databases={name: _database(one) for name, one in data["databases"].items()},
                stores={name: _store(one) for name, one in data["stores"].items()},
                format=int(data["format"]),
            )
        except _UNREADABLE as exc:
            raise ArchiveRefused("the backup's manifest cannot be read", "use another one") from exc


def _database(told: Any) -> SavedDatabase:
    revision = told["revision"]
    return SavedDatabase(
        server=str(told["server"]),
        major=int(told["major"]),
        revision=None if revision is None else str(revision),
        size_bytes=int(told["size_bytes"]),
        dump_bytes=int(told["dump_bytes"]),
    )


def _store(told: Any) -> SavedStore:
    return SavedStore(files=int(told["files"]), size_bytes=int(told["size_bytes"]))


def checked_name(name: str) -> str:
    """Return the name of a file in an archive, if it can lead nowhere else.

    Raises:
        ArchiveRefused: It could.
    """
    path = PurePosixPath(name)
    usual = (
        not any(ord(character) < 32 or ord(character) == 127 for character in name)
        and len(name) <= _LONGEST_NAME
        and not path.is_absolute()
        and "\\" not in name
        and str(path) == name
        and ".." not in path.parts
    )
    ours = path.parts[:1] in ((DATABASES,), (STORES,)) and len(path.parts) > 2
    if not usual or not (ours or name in (MANIFEST, SUMS)):
        raise ArchiveRefused(
            f"the backup holds a file that no backup has: {name[:80]!r}", "do not trust it"
        )
    return name
