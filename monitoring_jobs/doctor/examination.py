"""All probes at once, each in a thread that is left behind if its service hangs."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from monitoring_jobs.doctor.airflow import examine_airflow
from monitoring_jobs.doctor.alertmanager import examine_alertmanager
from monitoring_jobs.doctor.circumstances import Circumstances, Probe
from monitoring_jobs.doctor.findings import Chart, Finding, NotConfigured, State
from monitoring_jobs.doctor.grafana import examine_grafana
from monitoring_jobs.doctor.mlflow import examine_mlflow
from monitoring_jobs.doctor.monitors import examine_monitors
from monitoring_jobs.doctor.postgres import examine_postgres
from monitoring_jobs.doctor.prometheus import examine_prometheus
from monitoring_jobs.doctor.pushgateway import examine_pushgateway
from monitoring_jobs.doctor.report_store import examine_report_store
from monitoring_jobs.doctor.secrets import concealed, secrets_of
from monitoring_jobs.errors import MonitoringError
from monitoring_jobs.settings import Settings
from monitoring_jobs.windows import utc_text

log = logging.getLogger(__name__)

DEADLINE_SECONDS = 14.0

PROBES: Mapping[str, Probe] = MappingProxyType(
    {
        "monitors": examine_monitors,
        "postgres": examine_postgres,
        "report store": examine_report_store,
        "mlflow": examine_mlflow,
        "airflow": examine_airflow,
        "pushgateway": examine_pushgateway,
        "prometheus": examine_prometheus,
        "alertmanager": examine_alertmanager,
        "grafana": examine_grafana,
    }
)


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything that was found.

    Attributes:
        findings: In the order of the services, the clocks last.
        began: When it began.
        seconds: How long it took.
    """

    findings: tuple[Finding, ...]
    began: datetime
    seconds: float

    @property
    def status(self) -> State:
        """The worst of all findings; what was skipped is no fault."""
        found = [one.status for one in self.findings if one.status is not State.SKIPPED]
        return max(found, key=lambda status: status.severity, default=State.OK)

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each status."""
        return {
            str(status): sum(finding.status is status for finding in self.findings)
            for status in State
        }

    def to_json(self) -> str:
        """Return it as documented in docs/operations/doctor.md."""
        content: dict[str, Any] = {
            "schema_version": 1,
            "status": str(self.status),
            "checked_at": utc_text(self.began),
            "duration_seconds": round(self.seconds, 3),
            "counts": self.counts,
            "findings": [
                {
                    "service": finding.service,
                    "check": finding.check,
                    "status": str(finding.status),
                    "message": finding.message,
                    "cure": finding.cure,
                }
                for finding in self.findings
            ],
        }
        return json.dumps(content, indent=2, allow_nan=False)


def examine(
    settings: Settings,
    *,
    deadline_seconds: float = DEADLINE_SECONDS,
    probes: Mapping[str, Probe] = PROBES,
) -> Examination:
    """Ask every service that is configured how it is; nothing of theirs is changed for good.

    Args:
        settings: Where they are.
        deadline_seconds: When to stop waiting for services that hang.
        probes: Who asks, by service.
    """
    case = Circumstances(settings)
    began, counter = case.clock.now(), time.monotonic()
    visits = [_Visit(name, probe, case) for name, probe in probes.items()]
    for visit in visits:
        visit.start()
    findings: list[Finding] = []
    for visit in visits:
        findings += visit.result(counter + deadline_seconds)
    findings += case.clock.findings()
    secrets = secrets_of(settings)
    return Examination(
        tuple(concealed(finding, secrets) for finding in findings),
        began,
        time.monotonic() - counter,
    )


@dataclass
class _Visit:
    """One probe in a thread of its own."""

    name: str
    probe: Probe
    case: Circumstances
    _found: list[Finding] = field(default_factory=list)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        # A pool would wait for its threads when the program ends; a daemon is left behind.
        self._thread = threading.Thread(target=self._run, name=f"doctor-{self.name}", daemon=True)
        self._thread.start()

    def result(self, until: float) -> Sequence[Finding]:
        """Return what was found; what is not known by then did not answer.

        Args:
            until: Reading of the monotonic clock.
        """
        thread = self._thread
        if thread is None:
            raise RuntimeError("the probe was not started")
        thread.join(max(0.0, until - time.monotonic()))
        found = list(self._found)
        if thread.is_alive():
            found.append(
                Chart(self.name).failed(
                    "deadline",
                    f"{self.name}: the examination did not end in time; "
                    f"{f'{len(found)} checks did' if found else 'no check did'}",
                    "check its load and its log, and whether a firewall drops what is sent to it",
                )
            )
        return found

    def _run(self) -> None:
        try:
            for finding in self.probe(self.case):
                self._found.append(finding)
        except NotConfigured as exc:
            self._found.append(Chart(self.name).skipped("reachable", exc.what, exc.cure))
        except MonitoringError as exc:
            self._found.append(Chart(self.name).error("reachable", exc))
        except Exception as exc:  # an answer of another shape; the others go on
            log.info("%s", self.name, exc_info=True)
            self._found.append(
                Chart(self.name).failed(
                    "examination",
                    f"{self.name}: the examination broke off ({type(exc).__name__})",
                    "check its address, rights and version; --debug shows where",
                )
            )
