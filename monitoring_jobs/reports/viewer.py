"""The page around the widgets: Evidently's viewer, which is read from its package, not imported."""

from __future__ import annotations

import base64
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from monitoring_jobs.errors import MissingDependency
from monitoring_jobs.reports.markup import escape, in_script
from monitoring_jobs.reports.widgets import Widget, group, walk

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "font-src data:; img-src data: blob:; base-uri 'none'; form-action 'none'"
)
_STYLE = (
    "@font-face {{font-family: 'Material Icons'; src: url(data:font/woff2;base64,{font})}}\n"
    ".material-icons {{font: normal 24px/1 'Material Icons'; display: inline-block; "
    "letter-spacing: normal; text-transform: none; white-space: nowrap; word-wrap: normal; "
    "direction: ltr; text-rendering: optimizeLegibility; -webkit-font-smoothing: antialiased}}"
)
# A row that is opened shows a widget of the page by its id. Plotly writes into what it draws, so
# that the row gets a copy.
_START = """\
const opened = new Map();
const collect = (widget) => {
  if (widget.type === "rich_data") opened.set(widget.id, structuredClone(widget));
  widget.widgets.forEach(collect);
};
metric_page.widgets.forEach(collect);
window.drawDashboard(metric_page, opened, "root_metric_page");"""


def page(widgets: Sequence[Widget], *, title: str, header: str, assets: Path | None = None) -> str:
    """Return a self-contained HTML page that draws the widgets.

    Args:
        widgets: What is drawn, from top to bottom; given an ``id`` where they have none.
        title: Plain text.
        header: HTML that stands above the widgets.
        assets: Folder of the viewer; by default that of the installed Evidently.

    Raises:
        MissingDependency: Evidently is not installed.
        ValueError: The viewer is not of the shape that is known.
    """
    script, font = _viewer(assets or _installed())
    top = group(widgets)
    for number, widget in enumerate(walk([top])):
        widget.setdefault("id", f"widget_{number}")
    return "\n".join(
        (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="UTF-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1.0">',
            f"<title>{escape(title)}</title>\n<style>\n{_STYLE.format(font=font)}\n</style>",
            "<script>",
            f"    var metric_page = {in_script({'name': 'Report', 'widgets': [top]})};",
            f'</script>\n</head>\n<body>\n{header}\n<div id="root_metric_page"></div>',
            f"<script>var global = globalThis</script>\n<script>{script}</script>",
            f"<script>\n{_START}\n</script>\n</body>\n</html>\n",
        )
    )


def _installed() -> Path:
    """Return the folder of the installed viewer; to find a package does not import it."""
    found = importlib.util.find_spec("evidently")
    if found is None or not found.submodule_search_locations:
        raise MissingDependency(
            "reports need evidently, which is not installed",
            "install monitoring-jobs[reports], or say report: {when: never} in the monitor file",
        )
    return Path(found.submodule_search_locations[0], "nbextension", "static")


def _viewer(folder: Path) -> tuple[str, str]:
    """Return the viewer's script, and its icon font in base64."""
    try:
        script = (folder / "index.js").read_text(encoding="utf-8")
        font = (folder / "material-ui-icons.woff2").read_bytes()
    except OSError as exc:
        raise ValueError(
            "no viewer in Evidently's package; is its version the pinned one?"
        ) from exc
    if "window.drawDashboard=" not in script or "</script" in script:
        raise ValueError("unknown shape of Evidently's viewer; is its version the pinned one?")
    return script, base64.b64encode(font).decode()
