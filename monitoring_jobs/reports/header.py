"""The head of a report: whose it is, what the verdict is, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from monitoring_jobs.reports.markup import escape
from monitoring_jobs.results import Evaluation, Measurement, Status
from monitoring_jobs.windows import as_utc

_MOST_REASONS = 30
_BAD = (Status.WARNING, Status.FAILED, Status.ERROR)
_COLORS = {
    Status.OK: "#1a7f37",
    Status.WARNING: "#9a6700",
    Status.FAILED: "#cf222e",
    Status.ERROR: "#cf222e",
}
_STYLE = """<style>
.mj{font:14px/1.5 Roboto,Arial,sans-serif;color:#1f2328;margin:24px 24px 0;padding:20px 24px;
 border:1px solid #d0d7de;border-radius:8px;background:#fff}
.mj h1{font-size:22px;font-weight:500;margin:0 0 12px;overflow-wrap:anywhere}
.mj .verdict{color:#fff;border-radius:12px;padding:2px 12px;font-size:14px;margin-left:10px;
 vertical-align:middle;white-space:nowrap}
.mj dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(260px,1fr));gap:8px 24px;margin:0}
.mj dt{color:#59636e;font-size:12px}.mj dd{margin:0;overflow-wrap:anywhere}
.mj table{border-collapse:collapse;width:100%;margin-top:16px}
.mj th,.mj td{text-align:left;padding:4px 12px 4px 0;border-top:1px solid #d0d7de;
 overflow-wrap:anywhere;vertical-align:top}
.mj th{color:#59636e;font-weight:500;font-size:12px}
.mj p{color:#59636e;margin:14px 0 0;overflow-wrap:anywhere}
</style>"""


def header(evaluation: Evaluation, sampled: tuple[int, int], left_out: Mapping[str, str]) -> str:
    """Return the HTML that stands above Evidently's part.

    Args:
        evaluation: Whose report it is.
        sampled: Rows drawn of the window and of the reference.
        left_out: Columns that are not drawn, and why.
    """
    color = _COLORS.get(evaluation.status, "#59636e")
    verdict = str(evaluation.status).replace("_", " ")
    facts = "".join(
        f"<div><dt>{escape(term)}</dt><dd>{escape(text)}</dd></div>"
        for term, text in _facts(evaluation, sampled)
    )
    return (
        f'{_STYLE}\n<header class="mj">\n<h1>{escape(evaluation.monitor)}'
        f'<span class="verdict" style="background:{color}">{escape(verdict)}</span></h1>\n'
        f"<dl>{facts}</dl>\n{_reasons(evaluation.measurements)}{_notes(sampled, left_out)}</header>"
    )


def _facts(evaluation: Evaluation, sampled: tuple[int, int]) -> Iterator[tuple[str, str]]:
    window, model, rows = evaluation.window, evaluation.model, evaluation.rows
    version = f" version {model.version}" if model.version else ""
    alias = f" ({model.alias})" if model.alias else ""
    yield "Window", f"{_clock(window.start)} to {_clock(window.end)} UTC"
    yield "Model", f"{model.name}{version}{alias}" if model.name else "not tracked"
    yield "Rows in the window", f"{rows.current:,} ({sampled[0]:,} drawn)"
    yield "Rows of the reference", f"{rows.reference:,} ({sampled[1]:,} drawn)"
    yield "Computed at", f"{_clock(evaluation.computed_at)} UTC"
    if evaluation.owner:
        yield "Owner", evaluation.owner
    yield "Reference", evaluation.reference_id or "unknown"
    yield "Code version", evaluation.code_version


def _clock(instant: datetime) -> str:
    return f"{as_utc(instant):%Y-%m-%d %H:%M}"


def _reasons(measurements: Sequence[Measurement]) -> str:
    """Return a table of everything that is not ok, the worst first."""
    bad = sorted((m for m in measurements if m.status in _BAD), key=lambda m: -m.status.severity)
    if not bad:
        return ""
    titles = ("Status", "Check", "Metric", "Column", "Segment", "Value", "Threshold")
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in _cells(m)) + "</tr>"
        for m in bad[:_MOST_REASONS]
    )
    more = len(bad) - _MOST_REASONS
    rest = f"<p>and {more} more in evaluation.json</p>" if more > 0 else ""
    heads = "".join(f"<th>{title}</th>" for title in titles)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>{rest}\n"


def _cells(m: Measurement) -> tuple[str, ...]:
    value = str(m.detail.get("reason", "")) if m.value is None else f"{m.value:.6g}"
    threshold = "" if m.threshold is None else f"{m.threshold:.6g}"
    return (str(m.status), m.check, m.metric, _short(m.column), _short(m.segment), value, threshold)


def _notes(sampled: tuple[int, int], left_out: Mapping[str, str]) -> str:
    notes = (
        "<p>Verdict, drift scores and the numbers of the window are of all rows. Distributions, "
        "numbers of the reference and what is called a sample are drawn from "
        f"{sampled[0]:,} and {sampled[1]:,} rows.</p>"
    )
    if left_out:
        listed = "; ".join(
            f"{_short(name)} ({reason})" for name, reason in list(left_out.items())[:_MOST_REASONS]
        )
        more = len(left_out) - _MOST_REASONS
        notes += f"<p>Not drawn: {escape(listed)}{f' and {more} more' if more > 0 else ''}</p>"
    return notes


def _short(name: str) -> str:
    return name if len(name) <= 120 else f"{name[:119]}…"
