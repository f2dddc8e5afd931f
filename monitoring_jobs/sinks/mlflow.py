"""Report, evaluation and summary as artifacts of the model's run; tracking does the logging."""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from monitoring_jobs.errors import TrackingRefused
from monitoring_jobs.evaluation_ids import MONITOR_NAME
from monitoring_jobs.results import Evaluation, ModelRef
from monitoring_jobs.windows import utc_text

_SURROGATE = re.compile("[\ud800-\udfff]")

# Artifacts can be replaced by whoever may write them, but not always removed: not every artifact
# store can delete, and MLflow's own permissions ask for more than the right to edit.
_NO_REPORT = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>No report</title>
<p>No report was rendered for this attempt; its numbers are in evaluation.json.</p>
</html>
"""

Log = Callable[[ModelRef, Path], None]


class MlflowSink:
    """Hands a folder per evaluation to whoever logs it."""

    def __init__(self, log: Log) -> None:
        """Take what logs the files below a folder, keeping their paths, to a model's run."""
        self._log = log

    def write(self, evaluation: Evaluation, report_html: str | None) -> None:
        """Log ``evaluation.json``, ``summary.json`` and ``report.html`` of an evaluation.

        They lie under ``<monitor>/<window>/``, so that a rerun replaces them and other
        windows stay. Without a report, ``report.html`` says that there is none: otherwise the
        report of an earlier attempt would stay beside the new numbers.

        Raises:
            TrackingUnavailable: The MLflow server does not answer.
            TrackingRefused: The MLflow server has no such model, or refused the files.
        """
        with tempfile.TemporaryDirectory(prefix="monitoring-") as temporary:
            folder = Path(temporary, *_place(evaluation))
            folder.mkdir(parents=True)
            contents = {
                "evaluation.json": evaluation.to_json(),
                "summary.json": json.dumps(summary(evaluation), indent=1, allow_nan=False),
                "report.html": _NO_REPORT if report_html is None else report_html,
            }
            for name, text in contents.items():
                clean = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
                (folder / name).write_text(clean, encoding="utf-8")
            self._log(evaluation.model, Path(temporary))


def summary(evaluation: Evaluation) -> dict[str, Any]:
    """Return what a person asks first: verdict, sizes, what is not ok, dataset-level numbers."""
    whole = evaluation.as_dict()
    dataset = {
        f"{m.check}.{m.metric}": m.value
        for m in evaluation.measurements
        if not m.column and not m.segment and m.value is not None
    }
    counts = Counter(str(m.status) for m in evaluation.measurements)
    kept = ("monitor", "model", "window", "status", "rows", "computed_at", "code_version")
    return {
        **{name: whole[name] for name in kept},
        "measurements": dict(sorted(counts.items())),
        "drifted_columns": sorted(
            m.column
            for m in evaluation.measurements
            if m.check == "drift" and m.detail.get("drifted") and not m.segment
        ),
        "metrics": dataset,
    }


def _place(evaluation: Evaluation) -> tuple[str, str]:
    if not MONITOR_NAME.fullmatch(evaluation.monitor):
        raise TrackingRefused("MLflow: that is not the name of a monitor", "check the name")
    ends = (evaluation.window.start, evaluation.window.end)
    stamps = (utc_text(end).replace("-", "").replace(":", "") for end in ends)
    return evaluation.monitor, "--".join(stamps)
