"""The trigger forms of the Dags: what they ask for, in sections with help.

REST (``conf``) and the command line (``--conf``) give the same params. ``_forms`` judges them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from airflow.sdk import Param

from monitoring_jobs.errors import InvalidSettings
from monitoring_jobs.spec import MonitorSpec

_REPORTS: Mapping[str, str] = {
    "always": "always",
    "on_alert": "only if the verdict is warning, failed or error",
    "never": "never",
}


def monitor_params(spec: MonitorSpec) -> dict[str, Param]:
    """Return what the form of a monitor asks for; nothing needs to be filled in."""
    return {
        "start": _instant_param(
            "Start", "Rows from this instant on are judged. Give both ends, or none.", "Window"
        ),
        "end": _instant_param(
            "End", "Rows before this instant are judged. Empty: the run's own period.", "Window"
        ),
        "reference": Param(
            None,
            type=["null", "string"],
            format="multiline",
            maxLength=10_000,
            title="Compare with",
            section="Reference",
            description_md=(
                "Empty: the reference of the monitor file. Else the path or URL of a parquet or "
                "CSV dataset, or a mapping as the monitor file has it: "
                "{source: trailing, windows: 14}."
            ),
        ),
        "report": Param(
            spec.report.when,
            type="string",
            enum=list(_REPORTS),
            values_display=dict(_REPORTS),
            title="Render the report",
            section="Report",
            description="The HTML report. The verdict is the same with and without it.",
        ),
        "publish": Param(
            default=True,
            type="boolean",
            title="Publish the result",
            section="Publish",
            description_md=(
                "Off: the result is a **draft**. It can be looked at by the button *Report* of "
                "the task `evaluate`, replaces nothing, and is gone after 30 days."
            ),
        ),
    }


def extraction_params() -> dict[str, Param]:
    """Return what the form of the extraction asks for."""
    return {
        "since": _instant_param(
            "Read from",
            "Runs that ended from this instant on are read again. Empty: what is new.",
            "What is read",
        ),
        "full": Param(
            default=False,
            type="boolean",
            title="Compare everything",
            section="What is read",
            description="Read all of MLflow and find deletions and late edits, as once a week.",
        ),
    }


def maintenance_params() -> dict[str, Param]:
    """Return what the form of the maintenance asks for; defaults come from the environment."""
    return {
        "retention_days": _days_param(
            "Evaluations in Postgres", "MONITORING_RETENTION_DAYS", "Postgres"
        ),
        "report_retention_days": _days_param(
            "Evaluations and reports", "MONITORING_REPORT_RETENTION_DAYS", "Report store"
        ),
    }


def _instant_param(title: str, help_text: str, section: str) -> Param:
    return Param(
        None,
        type=["null", "string"],
        format="date-time",
        title=title,
        description=help_text,
        section=section,
    )


def _days_param(what: str, variable: str, section: str) -> Param:
    given = os.environ.get(variable)
    if given and not given.isdecimal():
        raise InvalidSettings(f"{variable}: {given!r} is no number of days", "write 30, or nothing")
    return Param(
        int(given) if given else None,
        type=["null", "integer"],
        minimum=1,
        maximum=36_500,
        title=f"{what}: days to keep",
        description=f"Older ones are removed. Empty: all are kept. Default: {variable}.",
        section=section,
    )
