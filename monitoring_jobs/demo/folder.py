"""Where the demo keeps its things, and how that folder is made ready for a run."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from monitoring_jobs.errors import TerminalError

_MARK = ".monitoring-demo"
_MARK_TEXT = (
    "Made by `monitoring-jobs demo`; everything in this folder is replaced by its next run.\n"
)
# The Finder and file managers leave these behind; they do not make a folder somebody's own.
_HARMLESS = {".DS_Store"}


class UnusableFolder(TerminalError):
    """The folder given to the demo cannot be used for it."""


class FolderInUse(UnusableFolder):
    """Somebody else holds the folder."""


@dataclass(frozen=True, slots=True)
class DemoFolder:
    """The places below ``.demo/``.

    Attributes:
        root: The folder itself, absolute.
    """

    root: Path

    @property
    def postgres(self) -> Path:
        """Data directory of the embedded Postgres."""
        return self.root / "postgres"

    @property
    def artifacts(self) -> Path:
        """Artifacts of the MLflow server."""
        return self.root / "mlflow"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.root / "airflow"

    @property
    def monitors(self) -> Path:
        """The monitor files."""
        return self.root / "monitors"

    @property
    def traffic(self) -> Path:
        """The prediction logs, one folder per model."""
        return self.root / "traffic"

    @property
    def reports(self) -> Path:
        """The report store."""
        return self.root / "reports"

    @property
    def cache(self) -> Path:
        """Statistics of the references."""
        return self.root / "cache"

    @property
    def gauges(self) -> Path:
        """Textfile gauges, or what the Pushgateway held in the end."""
        return self.root / "gauges"

    @property
    def gateway(self) -> Path:
        """What the Pushgateway keeps from the demo to `make up`, and from one to the next."""
        return self.gauges / "pushgateway.store"

    @property
    def prometheus(self) -> Path:
        """Configuration, rules and data of Prometheus."""
        return self.root / "prometheus"

    @property
    def alertmanager(self) -> Path:
        """Configuration, templates and data of the Alertmanager."""
        return self.root / "alertmanager"

    @property
    def mails(self) -> Path:
        """The mails that the Alertmanager would have sent."""
        return self.root / "mails"

    @property
    def logs(self) -> Path:
        """Output of every subprocess, one file each."""
        return self.root / "logs"

    @property
    def processes(self) -> Path:
        """Register of the processes that the demo started and has not yet seen end."""
        return self.root / "processes.json"

    @property
    def finished(self) -> Path:
        """Says of which day and by which Airflow a demo ran here to its end."""
        return self.root / "finished.json"

    @property
    def secrets(self) -> Path:
        """Airflow's keys and the password, for their owner alone."""
        return self.root / "secrets.json"

    @property
    def state(self) -> Path:
        """What `make up` has started, while it runs."""
        return self.root / "up.json"

    @property
    def lock(self) -> Path:
        """Held while a demo runs in the folder, or what `make up` has started."""
        return self.root / ".lock"


@dataclass(frozen=True, slots=True)
class ClaimedFolder(DemoFolder):
    """A folder that is held by us: what was left in it may be ended and replaced.

    Attributes:
        handle: File descriptor of the lock. A child that inherits it holds the folder too, from
            its first moment on and for as long as it lives.
    """

    handle: int


@contextmanager
def claim(root: Path, inherited: int | None = None) -> Iterator[ClaimedFolder]:
    """Hold a folder for one demo at a time.

    Args:
        root: The folder; it is made where there is none.
        inherited: The lock of a parent that holds the folder on our behalf.

    Raises:
        FolderInUse: Another demo runs there.
        UnusableFolder: The folder belongs to somebody else, or it cannot be written.
    """
    folder = DemoFolder(root.expanduser().resolve())
    try:
        folder.root.mkdir(parents=True, exist_ok=True)
        _refuse_a_folder_of_other_things(folder.root)
        (folder.root / _MARK).write_text(_MARK_TEXT, encoding="utf-8")
        handle = inherited
        if handle is None:
            handle = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        # Our own children must not hold it for longer than us.
        fcntl.fcntl(handle, fcntl.F_SETFD, fcntl.FD_CLOEXEC)
    except OSError as exc:
        raise UnusableFolder(
            f"{folder.root} cannot be used: {exc.strerror}", "choose another folder"
        ) from exc
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            raise FolderInUse(
                f"another demo is running in {folder.root}",
                "wait for it to end; make down ends what make up has started",
            ) from exc
        yield ClaimedFolder(folder.root, handle)
    finally:
        os.close(handle)


def clear(folder: DemoFolder) -> None:
    """Remove what earlier runs left, so that every demo begins alike.

    Raises:
        UnusableFolder: Something there cannot be removed, as when another user ran the demo.
    """
    for path in sorted(folder.root.iterdir()):
        if path.name in {_MARK, folder.lock.name}:
            continue
        try:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        except OSError as exc:
            raise UnusableFolder(
                f"{path} of an earlier demo cannot be removed: {exc.strerror}",
                f"remove {folder.root} as the user who ran it",
            ) from exc
    complete(folder)


def complete(folder: DemoFolder) -> None:
    """Make what is missing below a demo's folder: logs, say, are removed by hand."""
    for path in (folder.artifacts, folder.airflow, folder.monitors, folder.traffic):
        path.mkdir(exist_ok=True)
    for path in (folder.reports, folder.cache, folder.gauges, folder.logs):
        path.mkdir(exist_ok=True)


def is_demo(root: Path) -> bool:
    """Tell whether a folder was made by a demo."""
    return (root / _MARK).exists()


def _refuse_a_folder_of_other_things(root: Path) -> None:
    if is_demo(root):
        return
    if any(path.name not in _HARMLESS for path in root.iterdir()):
        raise UnusableFolder(
            f"{root} holds other things, and the demo empties its folder",
            "give an empty or a new folder",
        )
