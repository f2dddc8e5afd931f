-- What the demo reads back, as the reader: views only.

-- name: verdicts
SELECT
    monitor,
    window_start,
    status,
    rows_current,
    report
FROM evaluations
WHERE window_start >= %(start)s AND window_end <= %(end)s
ORDER BY monitor, window_start;

-- name: findings
-- What was not in order, and whether labels were there.
SELECT
    monitor,
    window_start,
    check_name,
    metric,
    column_name,
    segment,
    value,
    threshold,
    status
FROM measurements
WHERE
    window_start >= %(start)s
    AND window_end <= %(end)s
    AND (
        status IN ('warning', 'failed', 'error')
        OR (check_name = 'performance' AND metric = 'label_coverage')
        OR (check_name = 'drift' AND column_name = '')
    )
ORDER BY monitor, window_start, check_name, metric, value DESC, column_name, segment;

-- name: extracted
SELECT
    (SELECT count(*) FROM mlflow_runs) AS runs,
    (SELECT count(*) FROM mlflow_run_metrics) AS metrics,
    (SELECT count(*) FROM mlflow_run_params) AS params,
    (SELECT count(*) FROM mlflow_run_datasets) AS datasets,
    (SELECT count(*) FROM mlflow_model_versions) AS versions,
    (SELECT count(*) FROM mlflow_aliases) AS aliases;
