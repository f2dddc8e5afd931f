"""What a run of a monitor is to do: its window, what the trigger form replaced, where it goes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from _connections import settings_from_connections
from _forms import MonitorForm
from airflow.sdk import Context

from monitoring_jobs.errors import InvalidParam
from monitoring_jobs.monitor_files import load_monitor
from monitoring_jobs.reports.store import drafts
from monitoring_jobs.results import DagRunRef
from monitoring_jobs.settings import Settings
from monitoring_jobs.spec import FileSource, MonitorSpec
from monitoring_jobs.windows import Request, Window, resolve

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a task of a monitor is to do.

    Attributes:
        spec: The monitor as this run sees it.
        window: The rows to judge.
        draft: Whether the evaluation is not to be published.
        dag_run: The run that asks.
        roots: Where data may be read from if the environment does not say; empty allows all.
    """

    spec: MonitorSpec
    window: Window
    draft: bool
    dag_run: DagRunRef
    roots: tuple[str, ...] = ()

    def settings(self) -> Settings:
        """Return the settings of the task; a draft goes to a store of its own."""
        settings = settings_from_connections(self.spec)
        changes: dict[str, Any] = {"data_roots": settings.data_roots or self.roots}
        if self.draft:
            changes["report_store"] = drafts(settings.report_store)
        return settings.model_copy(update=changes)


def order_of(context: Context, path: str) -> Order:
    """Read monitor file and trigger form, and say in the log's first line what follows from them.

    Raises:
        InvalidMonitor: The file cannot be used.
        InvalidParam: The form cannot be obeyed.
        EmptyWindow: The run names no window.
    """
    written, form = load_monitor(path), MonitorForm.read(context["params"])
    form.require_past(datetime.now(UTC))
    spec = form.applied_to(written)
    window = window_of(context, spec, form)
    replaced = {
        "reference": spec.reference.source if form.reference else None,
        "report": spec.report.when if spec.report != written.report else None,
    }
    say_first(spec.name, window, replaced, draft=form.draft)
    return Order(
        spec=spec,
        window=window,
        draft=form.draft,
        dag_run=dag_run_of(context),
        # A path of the form is a stranger's; those of the file are its author's.
        roots=own_places(written) if form.reference else (),
    )


def own_places(spec: MonitorSpec) -> tuple[str, ...]:
    """Return the folders and URLs that a monitor file names itself, and that which it lies in."""
    from monitoring_jobs.data.files import place_of

    sources = (spec.data, spec.reference)
    files = [source for source in sources if isinstance(source, FileSource)]
    return (str(spec.folder), *(place_of(source.path, spec.folder) for source in files))


def say_first(
    monitor: str, window: Window, replaced: Mapping[str, str | None], *, draft: bool
) -> None:
    """Write to the log what a task works on; of what was replaced it tells the kind, no address."""
    notes = [f"; {name} of the trigger form: {value}" for name, value in replaced.items() if value]
    notes += ["; a draft, nothing is published"] if draft else []
    log.info(
        "window %s of monitor %s%s", window, monitor, "".join(notes), extra={"action": "window"}
    )


def window_of(context: Context, spec: MonitorSpec, form: MonitorForm | None = None) -> Window:
    """Resolve the window of a run.

    Raises:
        InvalidParam: The trigger form cannot be obeyed.
        EmptyWindow: The run names no window.
    """
    form = MonitorForm.read(context.get("params", {})) if form is None else form
    run = context.get("dag_run")
    if form.start is not None and run is not None and run.run_type == "backfill":
        raise InvalidParam(
            "param start: every run of this backfill would judge the same window",
            "leave start and end empty: each run has a period of its own",
        )
    start, end = context.get("data_interval_start"), context.get("data_interval_end")
    request = Request(
        start=form.start,
        end=form.end,
        partition=context.get("partition_date"),
        interval=(start, end) if start is not None and end is not None else None,
        run_after=run.run_after if run is not None else None,
    )
    return resolve(request, spec.boundaries, length=spec.length, delay=spec.patience)


def evaluated_window(evaluated: Mapping[str, Any]) -> Window:
    """Return the window of what the task evaluate returned."""
    start, end = (datetime.fromisoformat(evaluated[name]) for name in ("start", "end"))
    return Window(start, end)


def dag_run_of(context: Context) -> DagRunRef:
    """Return the run of a task."""
    run = context["dag_run"]
    return DagRunRef(dag_id=run.dag_id, run_id=run.run_id)
