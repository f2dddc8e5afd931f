"""Put pictures of the browser tests into the docs, made small.

make test TESTS=tests/browser
.venv/bin/python -m tests.browser.pictures
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from tests.browser.airflow_ui import OUTPUT

IMAGES = Path(__file__).parents[2] / "docs" / "images"
# Name in the docs and name in the tests' output.
PICTURES: Mapping[str, str] = {
    "airflow-dags": "dags",
    "airflow-dag-docs": "dag-docs",
    "airflow-form": "form",
    "airflow-backfill": "backfill-form",
    "airflow-monitors": "monitors",
    "airflow-monitor": "monitor",
    "airflow-report": "report-of-task",
    "airflow-asset": "asset",
    "airflow-broken": "broken",
}


def copy_pictures() -> None:
    """Copy all of them with 128 colors, which is what a user interface has."""
    for name, source in PICTURES.items():
        with Image.open(OUTPUT / f"{source}.png") as picture:
            small = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
            small.save(IMAGES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    copy_pictures()
