"""What probes share: settings, the clock, the monitor files read once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from monitoring_jobs.doctor.clock import Clock
from monitoring_jobs.doctor.findings import Findings
from monitoring_jobs.settings import Settings

if TYPE_CHECKING:
    from monitoring_jobs.monitor_files import MonitorFile
    from monitoring_jobs.spec import MonitorSpec


@dataclass
class Circumstances:
    """What probes are told.

    Attributes:
        settings: Where the services are.
        clock: The time, and who differs from it.
    """

    settings: Settings
    clock: Clock = field(default_factory=Clock)
    _files: list[MonitorFile] | None = field(default=None, repr=False)
    _reading: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def monitor_files(self) -> list[MonitorFile]:
        """All monitor files, broken ones included; none where there is no folder."""
        with self._reading:
            if self._files is None:
                from monitoring_jobs.monitor_files import load_folder

                folder = self.settings.monitors
                self._files = load_folder(folder) if folder.is_dir() else []
            return self._files

    @property
    def monitors(self) -> list[MonitorSpec]:
        """The monitors whose files can be used."""
        return [file.spec for file in self.monitor_files if file.spec is not None]


Probe = Callable[[Circumstances], Findings]
