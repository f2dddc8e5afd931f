"""The Pushgateway: ready, persistent, holding no group that nobody will renew."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from monitoring_jobs.doctor.circumstances import Circumstances
from monitoring_jobs.doctor.findings import Chart, Finding, Findings, listed
from monitoring_jobs.doctor.web import WebService

# As the alert MonitoringStale: the time that a run may take once its window is due.
_ALLOWED = timedelta(hours=1)
_PUSHED, _REFUSED = "push_time_seconds", "push_failure_time_seconds"
_DUE = "monitoring_next_due_timestamp_seconds"


def examine_pushgateway(case: Circumstances) -> Findings:
    """Yield how the gauges' way to Prometheus is."""
    chart = Chart("pushgateway")
    url = case.settings.pushgateway_url
    if url is None:
        yield _textfile(chart, case.settings.textfile)
        return
    address = url.get_secret_value()
    gateway = WebService(
        "pushgateway",
        "Pushgateway",
        address if "://" in address else f"http://{address}",
        variable="PUSHGATEWAY_URL",
        clock=case.clock,
    )
    gateway.require("/-/ready")
    yield chart.ok("reachable", f"{gateway.place} is ready")
    yield _persistence(chart, gateway)
    yield from _groups(chart, gateway, case)


def _textfile(chart: Chart, path: Path | None) -> Finding:
    if path is None:
        return chart.skipped("reachable", "no Pushgateway is configured", "set PUSHGATEWAY_URL")
    if not path.parent.is_dir():
        return chart.failed(
            "textfile", f"{path.parent} is no folder", "make it, or mend MONITORING_TEXTFILE"
        )
    return chart.ok("textfile", f"gauges go to {path}, for node_exporter")


def _persistence(chart: Chart, gateway: WebService) -> Finding:
    flags = gateway.fetch_data("/api/v1/status").get("flags") or {}
    if not flags.get("persistence.file"):
        return chart.warning(
            "persistence",
            "a restart forgets all gauges",
            "start it with --persistence.file; monitoring-jobs publish --latest brings them back",
        )
    return chart.ok("persistence", "gauges survive a restart")


def _groups(chart: Chart, gateway: WebService, case: Circumstances) -> Findings:
    groups = gateway.fetch("/api/v1/metrics").get("data") or []
    yield from _refused(chart, groups)
    of_monitors = {
        group["labels"]["monitor"]: group
        for group in groups
        if "monitor" in group.get("labels", {})
    }
    # A broken file hides its monitor's name: nobody can say then whose group is left over.
    broken = any(file.spec is None for file in case.monitor_files)
    known = {spec.name for spec in case.monitors}
    left = sorted(of_monitors.keys() - known) if known and not broken else []
    if left:
        yield chart.failed(
            "stale groups",
            f"holds gauges of {listed(left)}, which no monitor file names",
            "run monitoring-jobs maintain: it removes them",
        )
    now = case.clock.now()
    late = sorted(name for name in of_monitors.keys() - set(left) if _late(of_monitors[name], now))
    if late:
        yield chart.failed(
            "stale groups",
            f"the gauges of {listed(late)} are older than due",
            "look at the Dag: is it paused, failing, or waiting for its data?",
        )
    if not left and not late:
        yield chart.ok("stale groups", f"none; {len(of_monitors):,} monitors have gauges")


def _refused(chart: Chart, groups: list[Any]) -> Findings:
    """Yield groups whose last push was refused, as for a metric of another type."""
    refused = [
        str(group["labels"].get("monitor") or group["labels"].get("job", "?"))
        for group in groups
        if _gauge(group, _REFUSED) > _gauge(group, _PUSHED)
    ]
    if refused:
        yield chart.failed(
            "pushes",
            f"the last push of {listed(sorted(refused))} was refused",
            "look at the log of its last publish, then publish again",
        )


def _late(group: Mapping[str, Any], now: datetime) -> bool:
    due = _gauge(group, _DUE)
    return due > 0 and now - datetime.fromtimestamp(due, UTC) > _ALLOWED


def _gauge(group: Mapping[str, Any], name: str) -> float:
    """Return the largest value of a group's gauge; 0 where it has none."""
    series = (group.get(name) or {}).get("metrics") or []
    return max((float(one["value"]) for one in series), default=0.0)
