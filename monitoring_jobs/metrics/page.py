"""The page ``docs/metrics.md``, written from the catalog."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from monitoring_jobs.metrics.metric import Group, Metric
from monitoring_jobs.metrics.publish import MAX_COLUMN_SERIES, MODEL

_HEAD = """\
# Metrics

Every metric that the jobs push to Prometheus, written from the table that the gauges are made of:
`monitoring-jobs metrics` prints this page. How judged numbers are computed is told in
[checks-and-metrics.md](checks-and-metrics.md). Segments and past windows are in Postgres only.

**The newest window.** A series keeps its value until the monitor's next window is published, for
most a day later. `rate`, or an average over minutes, says nothing of it: take the value as it is.

**No judgment, no series.** What could not be judged, for want of rows, labels or a value, is not
pushed, so a rule over these metrics needs no least number of rows. Rows, verdict and times are
always there; `monitoring_status{status="insufficient_data"}` is 1 where the window was too small.

**Labels.** *model* stands for `monitor`, `model_name`, `model_version`; the latter two are empty,
to Prometheus absent, where the monitor names no model of MLflow. A value of more than 200
characters is cut and ends in a hash. `job` is the pushing job's, so scrape the Pushgateway with
`honor_labels: true`."""

_THRESHOLDS = """\
## Thresholds

`monitoring_threshold` is what the monitor file allows, so that alert rules hold no numbers of their
own. `metric` names the metric, `bound` the side that is bad (below `min`, above `max`), `feature`
the column where the metric has one. Metric and threshold come and go together:

```promql
# Models below the accuracy that their own file asks for
model_accuracy
  < on (monitor, model_name, model_version)
monitoring_threshold{metric="model_accuracy", bound="min"}

# Columns with more missing values than their file allows
evidently_missing_values_ratio
  > on (monitor, model_name, model_version, feature)
monitoring_threshold{metric="evidently_missing_values_ratio", bound="max"}
```

A value on the bound itself passes, save in drift: `drift_columns_share` fails from its threshold
on, and each method compares as [its row](checks-and-metrics.md#drift) says. `data_drift_detected`
and `evidently_data_drift_detected` are those judgments."""

_EARLIER = """\
## Earlier names

Recording rules in `docker/prometheus/rules/aliases.yml` keep them for old dashboards and queries.
Of a histogram all three series are recorded."""

_RESERVED = """\
## Reserved for online serving

No job pushes these. By these names, types and labels dashboards and alerts know a model server,
which Prometheus scrapes as the job `model-server`."""

_NEVER = f"""\
## What never is a label

Ids of runs, Dag runs, evaluations and attempts; windows and other times; segments; host names;
parameters and tags of MLflow; data, such as categories, predictions and labels; texts of errors.
Each would make new series for ever. They are columns in Postgres.

Names of columns are labels while the series of single columns, thresholds included, are
{MAX_COLUMN_SERIES} a monitor at most. Beyond that all of them are left out and
`monitoring_series_left_out` says how many; those of the whole window stay."""


def page(pushed: Sequence[Group], reserved: Sequence[Group]) -> str:
    """Return the page, without a line end at its end."""
    everything = [metric for group in (*pushed, *reserved) for metric in group.metrics]
    blocks = [
        _HEAD,
        *_pushed(pushed),
        _THRESHOLDS,
        _limits(everything),
        _EARLIER,
        _aliases(everything),
        _RESERVED,
        *_tables(reserved),
        _NEVER,
    ]
    return "\n\n".join(blocks)


def _pushed(groups: Sequence[Group]) -> Iterator[str]:
    for source, own in groupby(groups, attrgetter("source")):
        yield f"## Pushed by the job `{source}`"
        yield from _tables(own)


def _tables(groups: Iterable[Group]) -> Iterator[str]:
    for group in groups:
        yield f"### {group.title}"
        yield _table(
            ("name", "type", "labels", "unit", "meaning", "formula"),
            (
                (f"`{m.name}`", str(m.kind), _labels(m.labels), m.unit, m.meaning, m.formula)
                for m in group.metrics
            ),
        )


def _limits(metrics: Iterable[Metric]) -> str:
    return _table(
        ("`metric`", "`bound`", "`feature`", "key of the monitor file"),
        (
            (
                f"`{metric.name}`",
                str(metric.limit.bound),
                "the column" if "feature" in metric.labels else "absent",
                f"`{metric.limit.key}`",
            )
            for metric in metrics
            if metric.limit is not None
        ),
    )


def _aliases(metrics: Iterable[Metric]) -> str:
    return _table(
        ("earlier name", "is now"),
        (
            (f"`{alias.name}`", f"`{alias.expression}`")
            for metric in metrics
            for alias in metric.aliases
        ),
    )


def _labels(labels: tuple[str, ...]) -> str:
    own = labels[len(MODEL) :] if labels[: len(MODEL)] == MODEL else labels
    told = ["*model*"] if own != labels else []
    return ", ".join([*told, *(f"`{label}`" for label in own)]) or "none"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])
