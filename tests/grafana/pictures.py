"""Draw the dashboards into docs/images, by Chromium, from what their queries return.

make up
.venv/bin/python -m tests.grafana.pictures [--only UID] [--dark UID]
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import plotly.offline
from PIL import Image
from playwright.sync_api import Browser

from monitoring_jobs.demo.folder import DemoFolder
from monitoring_jobs.demo.state import read_state
from tests.fixtures.chromium import running_chromium
from tests.grafana.colors import DARK, LIGHT, Theme
from tests.grafana.drawing import draw
from tests.grafana.execution import Opened, open_dashboard
from tests.grafana.loading import dashboard_files, read_dashboard
from tests.grafana.page_style import WIDTH
from tests.grafana.serving import Filled, live_sources

IMAGES = Path(__file__).parents[2] / "docs" / "images"
_COLORS = 128
# The demo has a week of windows: a month of them would be empty for three quarters.
_WEEK = "now-8d"
STARTS = dict.fromkeys(
    ("data-drift", "evidently-drift", "fleet-overview", "mlops-model-monitoring", "operations"),
    _WEEK,
)


def take_pictures(
    dashboards: Mapping[str, Opened], now: float, themes: Sequence[Theme], folder: Path
) -> list[Path]:
    """Draw dashboards, by uid, in themes; return the files."""
    source = plotly.offline.get_plotlyjs()
    written = []
    with running_chromium() as browser:
        for uid, opened in dashboards.items():
            for theme in themes:
                page = draw(opened, theme, source, now)
                name = f"grafana-{uid}{'-dark' if theme is DARK else ''}.png"
                written.append(_shoot(browser, page, folder / name))
    return written


def _shoot(browser: Browser, html: str, path: Path) -> Path:
    page = browser.new_page(viewport={"width": WIDTH, "height": 900})
    page.set_content(html)
    page.wait_for_selector("body[data-drawn]", state="attached", timeout=60_000)
    picture = Image.open(io.BytesIO(page.screenshot(full_page=True)))
    page.close()
    small = picture.convert("RGB").quantize(_COLORS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    return path


def main(words: Sequence[str] | None = None) -> None:
    """Draw what the command line says."""
    given = _parser().parse_args(words)
    state = read_state(DemoFolder(given.folder))
    if state is None or not state.ready:
        raise SystemExit(f"nothing runs in {given.folder}: make up")
    urls = {name: service.url or "" for name, service in state.services.items()}
    targets = {"pushgateway": [urlsplit(urls["pushgateway"]).netloc]}
    folder = Path(tempfile.mkdtemp(prefix="grafana-pictures-"))
    try:
        filled = Filled(state.databases["reader"], urls["mlflow"], targets)
        with live_sources(filled, folder, seconds=given.seconds) as sources:
            opened = {
                dashboard.uid: open_dashboard(dashboard, sources, start=STARTS.get(dashboard.uid))
                for dashboard in map(read_dashboard, dashboard_files())
                if not given.only or dashboard.uid in given.only
            }
        now = sources.now.timestamp()
        dark = {uid: one for uid, one in opened.items() if uid in given.dark}
        written = [
            *take_pictures(opened, now, [LIGHT], given.out),
            *take_pictures(dark, now, [DARK], given.out),
        ]
    finally:
        shutil.rmtree(folder)
    for path in written:
        sys.stdout.write(f"{path} {path.stat().st_size / 1000:.0f} kB\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(".demo"), help="what make up runs in")
    parser.add_argument("--only", action="append", help="uid of a dashboard; else all")
    parser.add_argument("--dark", action="append", default=[], help="uid to draw in dark as well")
    parser.add_argument("--out", type=Path, default=IMAGES)
    parser.add_argument("--seconds", type=float, default=150, help="how long servers are asked")
    return parser


if __name__ == "__main__":
    main()
