"""The table of measurements: which side of a threshold is not ok."""

from __future__ import annotations

import re

import pytest

from monitoring_jobs.browser.measurements import measurement_table
from monitoring_jobs.results import Measurement, Status


@pytest.mark.parametrize(
    ("check", "metric", "detail", "shown"),
    [
        ("drift", "wasserstein", {}, "≥ 0.5"),
        ("drift", "ks", {"p_value": True}, "≤ 0.5"),
        ("drift", "drifted_share", {}, "≥ 0.5"),
        ("quality", "missing_share", {}, "&gt; 0.5"),
        ("quality", "data_quality_score", {}, "&lt; 0.5"),
        ("quality", "rows", {}, "&lt; 0.5"),
        ("performance", "accuracy", {"min": 0.5, "max": None}, "&lt; 0.5"),
        ("performance", "mae", {"min": None, "max": 0.5}, "&gt; 0.5"),
        ("performance", "r2", {"min": 0.5, "max": 0.9}, "&lt; 0.5"),
        ("performance", "prediction_coverage", {}, "&lt; 0.5"),
    ],
)
def test_a_threshold_tells_which_side_is_not_ok(
    check: str, metric: str, detail: dict[str, bool | float | None], shown: str
) -> None:
    found = Measurement(
        check=check, metric=metric, value=0.1, threshold=0.5, status=Status.OK, detail=detail
    )
    text = str(measurement_table("all", [found]))
    assert re.findall(r'side of 0\.5\.">([^<]*)<', text) == [shown]
