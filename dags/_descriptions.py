"""What Airflow shows of a Dag besides its tasks: text, tags, names and links of owners.

The text of a monitor is made from its file, so that it never says what is no longer so. All that
comes from the file goes through ``_markup``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from _check_rows import check_rows
from _markup import block, code, codes, link, table, text

from monitoring_jobs.links import Links
from monitoring_jobs.settings import without_login
from monitoring_jobs.spec import (
    ArtifactSource,
    FileSource,
    MonitorSpec,
    SqlSource,
    TrailingSource,
)

_LONGEST_TAG = 100
_EMAIL = re.compile(r"[^@\s<>,]+@[^@\s<>,]+")

_BY_HAND = (
    "**By hand.** Trigger it for another window, another reference or a draft; backfill it over "
    "any range. A rerun replaces what an earlier run of the window wrote, and only the newest "
    "window reaches gauges and alerts."
)
TASKS: Mapping[str, str] = {
    "wait_for_late_rows": (
        "Waits until the `delay` of the monitor file has passed since the end of the window, so "
        "that late rows are in. It holds no worker meanwhile."
    ),
    "evaluate_columns": (
        "Judges every Nth column of the window. `evaluate` joins the parts. Clear it together "
        "with its downstream tasks when data have changed meanwhile."
    ),
    "evaluate": (
        "Judges the window and keeps evaluation and report in the report store. The button "
        "*Report* leads to them. A bad verdict is a result and no failure of the task."
    ),
    "write_postgres": (
        "Writes the evaluation to Postgres in one transaction, in place of what an earlier run of "
        "the window wrote, then announces it to the Dags that are scheduled on its assets."
    ),
    "push_metrics": (
        "Pushes the gauges, of the newest window only. It runs even if Postgres is down, so that "
        "the gauges are not stale as well."
    ),
    "send_webhook": "Sends the evaluation to the webhook as JSON.",
    "log_to_mlflow": "Logs the evaluation and its report to the model's run in MLflow.",
    "plan_past_windows": (
        "Tells which window is filled next, if `backfill_on_first_run` asks for any: that before "
        "this one, in the monitor's first run and in those that it has started."
    ),
    "fill_past_windows": "Starts the run of the window before, and does not wait for it.",
    "published": (
        "Is green only if everything that was to be published is: the state of a run follows its "
        "last task, and without this one `push_metrics` would hide that Postgres is down."
    ),
}


def monitor_texts(spec: MonitorSpec, links: Links) -> dict[str, Any]:
    """Return what a Dag's constructor takes of the words about a monitor."""
    return {
        "dag_display_name": f"Monitor {spec.name}",
        "description": spec.description,
        "doc_md": monitor_doc(spec, links),
        "tags": tags(spec),
        "owner_links": owner_links(spec.owner),
    }


def tags(spec: MonitorSpec) -> list[str]:
    """Return the tags of a monitor, as long as Airflow allows."""
    named = {"model": spec.model.name if spec.model else "", "owner": spec.owner}
    own = [f"{key}:{value}"[:_LONGEST_TAG] for key, value in named.items() if value]
    return ["monitoring", "monitor", *own]


def owner_links(owner: str) -> dict[str, str]:
    """Return the link of an owner that is an e-mail address or a web address."""
    if _EMAIL.fullmatch(owner):
        return {owner: f"mailto:{quote(owner, safe='@')}"}
    try:
        parts = urlsplit(owner)
    except ValueError:
        return {}
    is_page = parts.scheme in ("http", "https") and parts.netloc and owner.isprintable()
    return {owner: owner} if is_page and " " not in owner else {}


def monitor_doc(spec: MonitorSpec, links: Links) -> str:
    """Return the text of a monitor's Dag, as Markdown."""
    parts = [
        text(spec.description),
        table(("What", "In this monitor"), _facts(spec)),
        *_query("the data", spec.data),
        *_query("the reference", spec.reference),
        "**Checks**",
        table(("Check", "Measures", "Columns", "Passes"), check_rows(spec)),
        "**Pages**",
        "\n".join(f"- {page}" for page in _pages(spec, links)),
        _BY_HAND,
    ]
    return "\n\n".join(part for part in parts if part)


# --- what is judged -------------------------------------------------------------------------------
def _facts(spec: MonitorSpec) -> Iterator[tuple[str, str]]:
    if spec.owner:
        yield "Owner", text(spec.owner)
    if spec.model:
        version = spec.model.alias or spec.model.version
        yield "Model", code(spec.model.name) + (f" at {code(version)}" if version else "")
    yield "Data", _place(spec.data)
    period = code(spec.window) if spec.window else "one period of the schedule"
    yield "Window", f"{period}, cut in {code(spec.timezone)}"
    yield "Schedule", code(spec.schedule)
    if spec.patience.count:
        yield "Late rows", f"are waited for {code(spec.delay)}"
    yield "Reference", _place(spec.reference)
    yield from _roles(spec)
    if spec.segments:
        yield "Segments", codes(spec.segments)
    when = {"always": "always", "on_alert": "when the verdict is bad", "never": "never"}
    rows = f", over at most {spec.report.rows} rows a side"
    yield "Report", when[spec.report.when] + (rows if spec.report.when != "never" else "")
    asked = spec.publish
    also = {"gauges": asked.pushgateway, "webhook": asked.webhook, "MLflow": asked.mlflow}
    yield (
        "Published to",
        ", ".join(["Postgres", *(name for name, wanted in also.items() if wanted)]),
    )
    if spec.split > 1:
        yield "Columns shared by", f"{spec.split} tasks"


def _roles(spec: MonitorSpec) -> Iterator[tuple[str, str]]:
    columns = spec.columns
    if not (columns.numerical or columns.categorical):
        yield "Features", "those of the model's signature, else of the reference"
    probability = columns.probability
    roles: Mapping[str, Sequence[str | None]] = {
        "Numerical features": columns.numerical,
        "Categorical features": columns.categorical,
        "Prediction": [columns.prediction],
        "Probability": list(probability.values())
        if isinstance(probability, dict)
        else [probability],
        "Target": [columns.target],
        "Id": [columns.id],
    }
    for role, names in roles.items():
        named = [name for name in names if name]
        if named:
            yield role, codes(named)


def _place(source: FileSource | SqlSource | ArtifactSource | TrailingSource) -> str:
    """Return where rows come from, without credentials; queries stand in a block of their own."""
    if isinstance(source, TrailingSource):
        skipped = f", after {source.skip} skipped" if source.skip else ""
        return f"the {source.windows} windows before{skipped}"
    if isinstance(source, ArtifactSource):
        run = f"run {code(source.run_id)}" if source.run_id else "the model's run"
        return f"artifact {code(source.path)} of {run} in MLflow"
    if isinstance(source, SqlSource):
        what = f"table {code(source.table)}" if source.table else "a query, see below"
        place = f"{what}, by the connection {code(source.connection)}"
    else:
        place = f"{source.source} {code(shown(source.path))}"
    if source.timestamp:
        place += f", time in {code(source.timestamp)}"
    return f"{place} ({text(source.timezone)})" if source.timezone else place


def shown(path: str) -> str:
    """Return a path or URL as everybody may see it: no login, no query."""
    if "://" not in path:
        return path
    return without_login(path)


def _query(what: str, source: object) -> Iterator[str]:
    if isinstance(source, SqlSource) and source.query:
        yield f"**Query of {what}**"
        yield block(source.query)


# --- where to look --------------------------------------------------------------------------------
def _pages(spec: MonitorSpec, links: Links) -> Iterator[str]:
    yield link("Windows of this monitor", links.monitor(spec.name))
    yield link("Latest report", links.latest_report(spec.name))
    grafana = links.grafana_monitor(spec.name)
    if grafana:
        yield link("Drift in Grafana", grafana)
    model = links.mlflow_model(spec.model.name) if spec.model else None
    if model:
        yield link("Model in MLflow", model)
