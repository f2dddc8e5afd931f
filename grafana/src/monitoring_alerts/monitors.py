"""Rules about monitors: each gives one number per monitor, firing or not.

How many windows make a trend is said here, once for all monitors. What a single window may show is
said by each monitor's file: the verdicts and thresholds that these queries read come from there.
"""

from __future__ import annotations

from monitoring_alerts.of_monitors import judged, rule
from monitoring_alerts.rule import Panel

# Two good windows end it: what is mended should not be reported for another week.
WINDOWS_FAILED = rule(
    "WindowsFailedRepeatedly",
    severity="critical",
    component="monitoring",
    found=judged(
        """
    SELECT
        monitor,
        CASE
            WHEN BOOL_AND(status NOT IN ('failed', 'error')) FILTER (WHERE place <= 2) THEN 0
            ELSE COUNT(*) FILTER (WHERE status IN ('failed', 'error'))
        END AS value,
        3 AS threshold,
        MIN(window_start) FILTER (WHERE status IN ('failed', 'error')) AS since
    FROM judged
    WHERE place <= 7
    GROUP BY monitor
    """
    ),
    comparison=">=",
    summary="{value} of the last 7 windows failed",
    description="failed {value} of its newest 7 judged windows ({threshold} raise this alert), for "
    "the first time of them on {since:time}.",
    panel=Panel("fleet-overview", "Newest windows of the monitors that need you most"),
)

DRIFT_PERSISTS = rule(
    "DriftPersists",
    component="drift",
    found=judged(
        """
    SELECT
        judged.monitor,
        COUNT(DISTINCT persistent.column_name) AS value,
        1 AS threshold,
        MIN(judged.window_start) AS since
    FROM judged
    LEFT JOIN (
        SELECT column_drift.monitor, column_drift.column_name
        FROM judged
        INNER JOIN column_drift
            ON
                column_drift.monitor = judged.monitor
                AND column_drift.window_start = judged.window_start
                AND column_drift.window_end = judged.window_end
        WHERE judged.place <= 3 AND column_drift.segment = '' AND column_drift.drifted
        GROUP BY column_drift.monitor, column_drift.column_name
        HAVING COUNT(DISTINCT judged.place) = 3
    ) AS persistent ON persistent.monitor = judged.monitor
    WHERE judged.place <= 3
    GROUP BY judged.monitor
    """
    ),
    comparison=">=",
    summary="drift for 3 windows in a row, columns: {value}",
    description="has columns that drifted in each of its newest 3 judged windows: {value} "
    "({threshold} raises this alert), since {since:time} at the latest.",
    panel=Panel("evidently-drift", "Feature matrix"),
)

# The best of three: labels that come a day late are no alert. Where the monitor's file says nothing
# of label_coverage, a tenth of the rows must do.
LABEL_COVERAGE_LOW = rule(
    "LabelCoverageLow",
    component="performance",
    found="""
    SELECT
        monitor,
        MAX(value) AS value,
        COALESCE(MAX(threshold) FILTER (WHERE place = 1), 0.1) AS threshold,
        MIN(window_start) AS since
    FROM (
        SELECT
            measurements.monitor,
            measurements.window_start,
            measurements.value,
            measurements.threshold,
            ROW_NUMBER() OVER (
                PARTITION BY measurements.monitor ORDER BY recent_windows.place
            ) AS place
        FROM recent_windows
        INNER JOIN measurements
            ON
                measurements.monitor = recent_windows.monitor
                AND measurements.window_start = recent_windows.window_start
                AND measurements.window_end = recent_windows.window_end
        WHERE
            recent_windows.place <= 7
            AND measurements.check_name = 'performance'
            AND measurements.metric = 'label_coverage'
            AND measurements.segment = ''
            AND measurements.value IS NOT NULL
    ) AS covered
    WHERE place <= 3
    GROUP BY monitor
    HAVING COUNT(*) = 3
    """,
    comparison="<",
    summary="labels for {value:percent} of the rows at best",
    description="had labels for at most {value:percent} of the rows of a window in its newest 3 "
    "windows (below {threshold:percent} raises this alert), since {since:time}. Its performance is "
    "judged on those rows alone.",
    panel=Panel("mlops-model-monitoring", "Label coverage"),
)

# A reference that changes with every window (trailing) never gets old.
REFERENCE_OUTDATED = rule(
    "ReferenceOutdated",
    component="drift",
    found="""
    SELECT
        monitor,
        EXTRACT(EPOCH FROM NOW() - first_window_start) / 86400 AS value,
        180 AS threshold,
        first_window_start AS since
    FROM reference_periods
    WHERE is_current AND windows >= 7
    """,
    comparison=">",
    summary="the reference is {value} days old",
    description="is compared with the same reference since {since:time}: {value} days (more than "
    "{threshold} raise this alert). Drift against it may be no news; choose a newer one.",
    panel=Panel("data-drift", "Trend of drifted features"),
)

INSUFFICIENT_DATA = rule(
    "InsufficientDataPersists",
    component="quality",
    found="""
    SELECT
        monitor,
        COUNT(*) FILTER (WHERE is_in_the_row) AS value,
        3 AS threshold,
        MIN(window_start) FILTER (WHERE is_in_the_row) AS since
    FROM (
        SELECT
            monitor,
            window_start,
            BOOL_AND(status = 'insufficient_data') OVER (
                PARTITION BY monitor ORDER BY place
            ) AS is_in_the_row
        FROM recent_windows
        WHERE status <> 'skipped'
    ) AS newest
    GROUP BY monitor
    """,
    comparison=">=",
    summary="{value} windows in a row have too little data",
    description="could not judge its newest {value} windows for lack of data ({threshold} in a row "
    "raise this alert), since {since:time}: nobody would see drift or a failing model.",
    panel=Panel("evidently-drift", "Windows"),
)

# By window, not by attempt: Airflow tries each several times.
EVALUATIONS_FAIL = rule(
    "EvaluationsFailRepeatedly",
    severity="critical",
    component="monitoring",
    found="""
    SELECT
        standing.monitor,
        COUNT(DISTINCT (attempts.window_start, attempts.window_end)) FILTER (
            WHERE attempts.id IS NOT NULL
        ) AS value,
        2 AS threshold,
        MIN(attempts.window_start) AS since
    FROM standing
    LEFT JOIN latest_evaluations AS newest ON newest.monitor = standing.monitor
    LEFT JOIN attempts
        ON
            attempts.monitor = standing.monitor
            AND attempts.outcome = 'error'
            AND attempts.window_end >= COALESCE(newest.window_end, '-infinity')
            AND attempts.recorded_at > COALESCE(newest.written_at, '-infinity')
    GROUP BY standing.monitor
    """,
    comparison=">=",
    summary="{value} windows could not be evaluated",
    description="has not been evaluated for {value} windows, the newest ones, because every "
    "attempt failed ({threshold} raise this alert), since the window of {since:time}. The "
    "monitor's page shows the error.",
    panel=Panel("operations", "Attempts, failures first"),
)

# A day later than MonitoringStale, and without the Pushgateway and Prometheus.
MONITOR_SILENT = rule(
    "MonitorSilent",
    severity="critical",
    component="monitoring",
    found="""
    SELECT
        monitor,
        GREATEST(EXTRACT(EPOCH FROM NOW() - due_at) / 3600, 0) AS value,
        24 AS threshold,
        due_at AS since
    FROM standing
    WHERE due_at IS NOT NULL
    """,
    comparison=">",
    summary="no evaluation for {value} h after it was due",
    description="should have evaluated its next window by {since:time}, {value} h ago (more than "
    "{threshold} h raise this alert). Nobody watches the model; see whether its Dag runs.",
    panel=Panel("fleet-overview", "Who is overdue, and who is due next"),
)

RULES = (
    WINDOWS_FAILED,
    DRIFT_PERSISTS,
    LABEL_COVERAGE_LOW,
    REFERENCE_OUTDATED,
    INSUFFICIENT_DATA,
    EVALUATIONS_FAIL,
    MONITOR_SILENT,
)
