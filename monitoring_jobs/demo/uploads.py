"""Prediction logs below an fsspec URL: which days are there, and one more of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from monitoring_jobs.errors import (
    InvalidSettings,
    MissingDependency,
    SourceUnavailable,
    TerminalError,
)

_DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Logs:
    """The prediction logs of the demo, one folder per model.

    Args:
        url: fsspec URL or folder that they lie below.

    Raises:
        InvalidSettings: The URL names no place, or holds more than one; it is not shown.
        TerminalError: There is no such bucket, or the key does not open it.
        SourceUnavailable: The storage does not answer.
    """

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs

        self.url = url.rstrip("/")
        scheme, separator, rest = self.url.partition("://")
        if not self.url or self.url.endswith(":") or "@" in rest or "?" in rest:
            raise InvalidSettings(
                "the URL must name a bucket or folder, and hold neither credentials nor a query",
                "write s3://BUCKET/FOLDER, and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )
        self._bucket = f"{scheme}://{rest.partition('/')[0]}" if separator else self.url
        try:
            with self._errors():
                self._files, root = url_to_fs(self.url, use_listings_cache=False)
                if separator:
                    # A folder that is not there yet looks like a bucket that is not there.
                    self._files.ls(rest.partition("/")[0], detail=False)
        except (ImportError, ValueError) as exc:
            raise MissingDependency(
                f"{self._bucket} cannot be written by what is installed",
                "install monitoring-jobs[s3], or the fsspec driver of that storage",
            ) from exc
        self._root = str(root).rstrip("/")

    def days(self, model: str) -> set[date]:
        """Return the days whose log is there."""
        with self._errors():
            names = self._files.find(f"{self._root}/{model}")
        found = (_DAY.search(str(name).removeprefix(self._root)) for name in names)
        return {date.fromisoformat(match.group()) for match in found if match}

    def put(self, folder: Path) -> None:
        """Upload every file below a folder, under its name relative to it."""
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = f"{self._root}/{path.relative_to(folder).as_posix()}"
            with self._errors():
                self._files.makedirs(name.rpartition("/")[0], exist_ok=True)
                self._files.pipe_file(name, path.read_bytes())

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as exc:
            raise TerminalError(
                f"{self._bucket}: no such bucket", "create it, or name one that is there"
            ) from exc
        except PermissionError as exc:
            raise TerminalError(
                f"{self._bucket}: access is denied",
                "check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and what the key may do",
            ) from exc
        except Exception as exc:
            name = type(exc).__name__
            if "Credentials" in name:
                raise TerminalError(
                    f"{self._bucket}: no key is set",
                    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                ) from exc
            if not isinstance(exc, OSError) and "botocore" not in type(exc).__module__:
                raise
            raise SourceUnavailable(
                f"{self._bucket}: the object storage does not answer ({name})",
                "check AWS_ENDPOINT_URL and that it is up",
            ) from exc
