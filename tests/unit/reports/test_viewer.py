"""The page around the widgets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monitoring_jobs.reports.viewer import page
from monitoring_jobs.reports.widgets import Widget, card, heading, pages, walk


def data_of(html: str) -> list[Widget]:
    [line] = [line for line in html.split("\n") if line.startswith("    var metric_page = ")]
    widgets: list[Widget] = json.loads(line.partition(" = ")[2].rstrip(";"))["widgets"]
    return list(walk(widgets))


def test_every_widget_has_an_id_of_its_own_and_cards_keep_theirs() -> None:
    cards = [card(f"column_{n}", "x", "num", ("a", "b"), [], {}) for n in range(12)]
    widgets = data_of(page([heading("one"), heading("two"), pages(cards)], title="", header=""))
    ids = [widget["id"] for widget in widgets]
    assert len(set(ids)) == len(ids) == 16
    assert {f"column_{n}" for n in range(12)} <= set(ids)


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "no viewer"),
        ({"index.js": "window.drawDashboard="}, "no viewer"),
        ({"index.js": "window.draw=", "material-ui-icons.woff2": ""}, "unknown shape"),
        (
            {"index.js": "window.drawDashboard='</script>'", "material-ui-icons.woff2": ""},
            "unknown shape",
        ),
    ],
)
def test_f57_viewer_of_unknown_shape_is_refused(
    tmp_path: Path, files: dict[str, str], reason: str
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=f"{reason}.*is its version the pinned one"):
        page([], title="", header="", assets=tmp_path)
