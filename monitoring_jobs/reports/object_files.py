"""Files in object storage: one PUT is atomic; updates compare the object's ETag (S3)."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import PurePosixPath
from tempfile import NamedTemporaryFile
from typing import IO, Any

import fsspec

from monitoring_jobs.errors import MissingDependency, StoreUnavailable
from monitoring_jobs.reports.files import Change, Opened, store_error

_UPDATES = 20


class ObjectFiles:
    """Files in object storage, through fsspec."""

    def __init__(self, scheme: str, url: str, *, patient: bool = True) -> None:
        self._scheme = scheme
        try:
            self._fs, root = fsspec.core.url_to_fs(
                url, use_listings_cache=False, **_options(scheme, patient=patient)
            )
        except ImportError as exc:
            raise MissingDependency(
                f"report store: {scheme}:// needs a package that is not installed",
                "install monitoring-jobs[s3]" if scheme.startswith("s3") else "install its driver",
            ) from exc
        self._root = str(root).rstrip("/")
        self._errors: tuple[type[Exception], ...] = (OSError, *_driver_errors(scheme))

    def read(self, name: str) -> bytes | None:
        """Return an object's content; None where there is no such object."""
        with self._translated(name):
            try:
                return bytes(self._fs.cat_file(self._key(name)))
            except FileNotFoundError:
                return None

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[Opened | None]:
        """Open an object of any size; None where there is no such object."""
        with self._translated(name):
            try:
                file = self._fs.open(self._key(name), "rb")
            except FileNotFoundError:
                file = None
        if file is None:
            yield None
            return
        with file:
            yield Opened(file, int(file.size), partial(self._translated, name))

    def write(self, name: str, content: bytes) -> None:
        """Put an object: a reader sees the old content or the new, never a part."""
        with self._translated(name):
            self._fs.pipe_file(self._key(name), content)

    def write_from(self, name: str, content: IO[bytes]) -> None:
        """Put an object of any size, in the same way."""
        # Drivers put a file that is there; a stream that breaks off they would put as it is.
        with self._translated(name), NamedTemporaryFile() as file:
            shutil.copyfileobj(content, file)
            file.flush()
            self._fs.put_file(file.name, self._key(name))

    def update(self, name: str, change: Change) -> None:
        """Replace an object by ``change(content)``, again when another writer was faster.

        Where the store knows no conditional PUT, two updates within milliseconds may both succeed,
        and the last one stays.
        """
        for _ in range(_UPDATES):
            etag = self._etag(name)
            content = change(self.read(name) if etag is not None else None)
            if self._put_if(name, content, etag):
                return
        raise StoreUnavailable(
            f"report store: {self.location(name)} is being written by others", "try again later"
        )

    def find(self, folder: str) -> list[str]:
        """Return the names of all objects below a folder, sorted."""
        with self._translated(folder):
            self._fs.invalidate_cache()
            try:
                keys = self._fs.find(self._key(folder))
            except FileNotFoundError:
                return []
        names = (str(key).removeprefix(self._root).lstrip("/") for key in keys)
        # Consoles mark a folder by an object of its name.
        return sorted(name for name in names if name and not name.endswith("/"))

    def folders(self) -> list[str]:
        """Return the folders directly below the root, sorted."""
        with self._translated(""):
            self._fs.invalidate_cache()
            try:
                entries = self._fs.ls(self._root, detail=True)
            except FileNotFoundError:
                return []
        return sorted(
            PurePosixPath(entry["name"]).name for entry in entries if entry["type"] == "directory"
        )

    def modified(self, name: str) -> datetime | None:
        """Return when an object was written, in UTC; None where it is gone."""
        with self._translated(name):
            try:
                instant: datetime = self._fs.modified(self._key(name))
            except FileNotFoundError:
                return None
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)

    def remove(self, name: str) -> None:
        """Remove an object; one that is gone already is no error."""
        with self._translated(name), contextlib.suppress(FileNotFoundError):
            self._fs.rm_file(self._key(name))

    def prune(self, folder: str) -> None:
        """Remove an empty folder where the store has folders at all."""
        if self._scheme == "memory":
            with self._translated(folder), contextlib.suppress(FileNotFoundError, OSError):
                self._fs.rmdir(self._key(folder))

    def require_bucket(self) -> None:
        """Refuse a bucket that is not there: some stores would make it when it is written to.

        Raises:
            StoreRefused: It is not there.
            StoreUnavailable: The store does not answer.
        """
        # Who may write need not be allowed to look.
        with self._translated(""), contextlib.suppress(PermissionError):
            self._fs.ls(self._root.partition("/")[0], refresh=True)

    def location(self, name: str) -> str:
        """Return the URL of a name."""
        return f"{self._scheme}://{self._key(name).lstrip('/')}"

    def _key(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _etag(self, name: str) -> str | None:
        with self._translated(name):
            try:
                return str(self._fs.info(self._key(name), refresh=True).get("ETag", ""))
            except FileNotFoundError:
                return None

    def _put_if(self, name: str, content: bytes, etag: str | None) -> bool:
        """Put an object that must be absent (None) or unchanged; False if another was faster."""
        how: dict[str, Any] = {"mode": "create"} if etag is None else {}
        if etag and self._scheme.startswith("s3"):
            how = {"IfMatch": etag}
        with self._translated(name):
            try:
                self._fs.pipe_file(self._key(name), content, **how)
            except FileExistsError:
                return False
            except OSError as exc:
                if _lost_the_race(exc):
                    return False
                raise
        return True

    @contextlib.contextmanager
    def _translated(self, name: str) -> Iterator[None]:
        try:
            yield
        except self._errors as exc:
            raise store_error(self.location(name), exc) from exc


def _options(scheme: str, *, patient: bool) -> dict[str, Any]:
    if not scheme.startswith("s3"):
        return {}
    # Named here, for fsspec hands out the same connection again while the options are the same.
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "MLFLOW_S3_ENDPOINT_URL")
    endpoint = next((os.environ[name] for name in names if os.environ.get(name)), None)
    options: dict[str, Any] = {"endpoint_url": endpoint} if endpoint else {}
    if not patient and not os.environ.get("AWS_MAX_ATTEMPTS"):
        options["config_kwargs"] = {"retries": {"total_max_attempts": 1}}
    return options


def _driver_errors(scheme: str) -> tuple[type[Exception], ...]:
    """Return what a driver raises besides OSError."""
    if scheme.startswith("s3"):
        from botocore.exceptions import (  # type: ignore[import-untyped]
            BotoCoreError,
            ClientError,
        )

        return (BotoCoreError, ClientError)
    if scheme in ("gs", "gcs"):
        from gcsfs.retry import HttpError  # type: ignore[import-not-found]

        return (HttpError,)
    if scheme in ("abfs", "abfss", "az"):
        from azure.core.exceptions import AzureError  # type: ignore[import-not-found]

        return (AzureError,)
    return ()


def _lost_the_race(exc: OSError) -> bool:
    cause = exc.__cause__
    response = getattr(cause, "response", None) or {}
    code = response.get("Error", {}).get("Code", "")
    return code in ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
