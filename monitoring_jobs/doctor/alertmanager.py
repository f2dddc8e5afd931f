"""The Alertmanager: ready, on the configuration that it was last given."""

from __future__ import annotations

import re

from monitoring_jobs.doctor.circumstances import Circumstances
from monitoring_jobs.doctor.findings import Chart, Findings, configured
from monitoring_jobs.doctor.web import WebService

_URL = "MONITORING_ALERTMANAGER_URL"
_RELOADED = re.compile(r"^alertmanager_config_last_reload_successful\S* ([01])\b", re.MULTILINE)


def examine_alertmanager(case: Circumstances) -> Findings:
    """Yield how the Alertmanager is."""
    chart = Chart("alertmanager")
    url = configured(case.settings.alertmanager_url, "Alertmanager", _URL)
    server = WebService(
        "alertmanager",
        "Alertmanager",
        url.get_secret_value(),
        variable=_URL,
        clock=case.clock,
    )
    server.require("/-/ready")
    yield chart.ok("reachable", f"{server.place} is ready")
    status = server.fetch("/api/v2/status")
    if not (status.get("config") or {}).get("original"):
        raise server.stranger()
    reloaded = _RELOADED.search(server.get("/metrics").text)
    if reloaded and reloaded[1] == "0":
        yield chart.failed(
            "configuration",
            f"{server.place} could not read its configuration and goes on with an older one",
            "run amtool check-config docker/alertmanager/alertmanager.yml, mend it, and reload it",
        )
        return
    receivers = server.fetch_list("/api/v2/receivers")
    yield chart.ok("configuration", f"is loaded, with {len(receivers)} receivers")
