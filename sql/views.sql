-- The dashboards' interface, and all that monitoring_reader may read. Tables may move under it.
-- Columns are only ever appended: CREATE OR REPLACE refuses anything else.
SET LOCAL search_path = monitoring;

-- Rank of a status among the others, 1 the mildest: the worst of many has the greatest. What could
-- not be judged hides neither a pass nor a failure.
CREATE OR REPLACE FUNCTION severity(status text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE status
        WHEN 'error' THEN 6
        WHEN 'failed' THEN 5
        WHEN 'warning' THEN 4
        WHEN 'ok' THEN 3
        WHEN 'insufficient_data' THEN 2
        ELSE 1
    END
$$;

CREATE OR REPLACE FUNCTION status_of(severity integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT (ARRAY['skipped', 'insufficient_data', 'ok', 'warning', 'failed', 'error'])[severity]
$$;

-- A number as a person would write it: four digits that count, no zeros behind them.
CREATE OR REPLACE FUNCTION short_number(value double precision) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN value = 0 THEN '0'
        WHEN abs(value) >= 1e9 OR abs(value) < 1e-4
            THEN pg_catalog.btrim(pg_catalog.to_char(value, '9.99EEEE'))
        ELSE pg_catalog.trim_scale(
            pg_catalog.round(
                value::numeric, greatest(0, 3 - floor(log(abs(value)))::integer)
            )
        )::text
    END
$$;

-- What a measurement says, in words: "accuracy 0.81 below 0.93".
CREATE OR REPLACE FUNCTION finding(
    check_name text,
    metric text,
    column_name text,
    segment text,
    value double precision,
    threshold double precision,
    status text,
    detail jsonb
) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN status = 'insufficient_data' AND column_name = ''
            THEN coalesce(detail ->> 'reason', replace(metric, '_', ' ') || ': no value')
        WHEN status IN ('error', 'insufficient_data', 'skipped')
            THEN replace(metric, '_', ' ')
                || CASE WHEN column_name = '' THEN '' ELSE ' of ' || column_name END
                || coalesce(': ' || (detail ->> 'reason'), '')
        WHEN metric = 'missing_column' THEN 'column ' || column_name || ' is missing'
        WHEN metric = 'new_column' THEN 'column ' || column_name || ' is new'
        WHEN metric = 'type_changed'
            THEN concat(
                'column ', column_name, ' is ', detail ->> 'found', ', was ', detail ->> 'expected'
            )
        WHEN metric = 'constant' THEN column_name || ' holds one value only'
        WHEN metric = 'rows_without_timestamp'
            THEN monitoring.short_number(value) || ' rows without a timestamp'
        WHEN metric = 'drifted_share' AND detail ? 'judged'
            THEN round(value * (detail ->> 'judged')::integer)::integer
                || ' of ' || (detail ->> 'judged') || ' columns drifted'
        WHEN check_name = 'drift' AND column_name <> ''
            THEN column_name || ': ' || metric || ' ' || monitoring.short_number(value)
                || coalesce(', limit ' || monitoring.short_number(threshold), '')
        ELSE replace(metric, '_', ' ')
            || CASE WHEN column_name = '' THEN '' ELSE ' of ' || column_name END
            || coalesce(' ' || monitoring.short_number(value), '')
            || CASE
                WHEN value < threshold THEN ' below '
                WHEN value >= threshold THEN ' above '
                ELSE ''
            END
            || coalesce(monitoring.short_number(threshold), '')
    END
    || CASE WHEN segment = '' THEN '' ELSE ' (' || segment || ')' END
$$;

-- Every judged window.
CREATE OR REPLACE VIEW evaluations AS
SELECT
    monitor,
    window_start,
    window_end,
    status,
    owner,
    model_name,
    model_version,
    model_alias,
    rows_current,
    rows_reference,
    rows_sampled,
    reference_id,
    spec_hash,
    code_version,
    attempt,
    computed_at,
    duration_seconds,
    peak_memory_bytes,
    report,
    written_at,
    dag_id,
    dag_run_id,
    -- What the report browser calls it: the same for every attempt at the window.
    monitor || '--' || instant_id(window_start) || '--' || instant_id(window_end) AS evaluation_id,
    due_at
FROM evaluation;

-- Every monitor that ever ran: from one name to the next in one step of an index, whatever lies
-- between. `removed_at` says since when no file names it.
CREATE OR REPLACE VIEW monitor_names AS
WITH RECURSIVE judged AS (
    SELECT MIN(monitor) AS monitor FROM evaluation
    UNION ALL
    SELECT (SELECT MIN(monitor) FROM evaluation WHERE monitor > judged.monitor)
    FROM judged
    WHERE judged.monitor IS NOT NULL
),

tried AS (
    SELECT MIN(monitor) AS monitor FROM evaluation_attempt
    UNION ALL
    SELECT (SELECT MIN(monitor) FROM evaluation_attempt WHERE monitor > tried.monitor)
    FROM tried
    WHERE tried.monitor IS NOT NULL
)

SELECT
    known.monitor,
    removed_monitor.removed_at
FROM (
    SELECT monitor FROM judged
    WHERE monitor IS NOT NULL
    UNION DISTINCT
    SELECT monitor FROM tried
    WHERE monitor IS NOT NULL
) AS known
LEFT JOIN removed_monitor ON removed_monitor.monitor = known.monitor;

-- The newest window of each monitor.
CREATE OR REPLACE VIEW latest_evaluations AS
SELECT
    monitor_names.monitor,
    newest.window_start,
    newest.window_end,
    newest.status,
    newest.owner,
    newest.model_name,
    newest.model_version,
    newest.model_alias,
    newest.rows_current,
    newest.rows_reference,
    newest.rows_sampled,
    newest.reference_id,
    newest.spec_hash,
    newest.code_version,
    newest.attempt,
    newest.computed_at,
    newest.duration_seconds,
    newest.peak_memory_bytes,
    newest.report,
    newest.written_at,
    newest.dag_id,
    newest.dag_run_id,
    newest.evaluation_id,
    newest.due_at
FROM monitor_names
CROSS JOIN LATERAL (
    SELECT *
    FROM evaluations
    WHERE evaluations.monitor = monitor_names.monitor
    ORDER BY evaluations.window_end DESC, evaluations.window_start DESC
    LIMIT 1
) AS newest;

-- Every number with its judgment and the model that it speaks of.
CREATE OR REPLACE VIEW measurements AS
SELECT
    measurement.monitor,
    measurement.window_start,
    measurement.window_end,
    measurement.check_name,
    measurement.metric,
    measurement.column_name,
    measurement.segment,
    measurement.value,
    measurement.threshold,
    measurement.status,
    measurement.detail,
    evaluation.model_name,
    evaluation.model_version,
    evaluation.owner
FROM measurement
INNER JOIN evaluation
    ON
        evaluation.monitor = measurement.monitor
        AND evaluation.window_start = measurement.window_start
        AND evaluation.window_end = measurement.window_end;

-- The numbers of each monitor's newest window.
CREATE OR REPLACE VIEW latest_measurements AS
SELECT measurements.*
FROM measurements
INNER JOIN latest_evaluations
    ON
        latest_evaluations.monitor = measurements.monitor
        AND latest_evaluations.window_start = measurements.window_start
        AND latest_evaluations.window_end = measurements.window_end;

-- Drift scores by column; `drifted` is NULL where the column could not be judged.
CREATE OR REPLACE VIEW column_drift AS
SELECT
    monitor,
    window_start,
    window_end,
    column_name,
    segment,
    metric AS method,
    value AS score,
    threshold,
    status,
    (detail ->> 'drifted')::boolean AS drifted,
    (detail ->> 'n_current')::bigint AS n_current,
    (detail ->> 'n_reference')::bigint AS n_reference,
    model_name,
    model_version,
    -- 1 at the threshold, more is worse, whichever way the method counts. A p-value of 0, a
    -- threshold of 0 or 1: kept off the ends, where no logarithm and no quotient exists.
    CASE
        WHEN value IS NULL OR threshold IS NULL OR detail -> 'drifted' IS NULL THEN NULL
        WHEN detail ? 'p_value'
            THEN LEAST(
                LN(LEAST(GREATEST(value, 1e-300), 0.999999))
                / LN(LEAST(GREATEST(threshold, 1e-300), 0.999999)),
                1000
            )
        ELSE LEAST(
            LEAST(GREATEST(value, 1e-12), 1e12) / LEAST(GREATEST(threshold, 1e-12), 1e12), 1000
        )
    END AS excess,
    monitor || '--' || instant_id(window_start) || '--' || instant_id(window_end) AS evaluation_id,
    owner,
    -- `prediction` where the column is the model's own answer, which counts for no share.
    detail ->> 'role' AS role
FROM measurements
WHERE check_name = 'drift' AND column_name <> '';

-- Every execution: written, refused as stale, or failed with its error.
CREATE OR REPLACE VIEW attempts AS
SELECT
    id,
    monitor,
    window_start,
    window_end,
    attempt,
    computed_at,
    outcome,
    status,
    error,
    recorded_at,
    dag_id,
    dag_run_id,
    duration_seconds
FROM evaluation_attempt;

-- One row per monitor that ever ran: its newest window, and whether it failed since.
CREATE OR REPLACE VIEW monitors AS
SELECT
    COALESCE(latest.monitor, tried.monitor) AS monitor,
    latest.owner,
    latest.model_name,
    latest.model_version,
    latest.status,
    latest.window_start,
    latest.window_end,
    latest.computed_at,
    tried.last_written_at,
    tried.last_error_at,
    tried.last_error
FROM latest_evaluations AS latest
FULL OUTER JOIN (
    SELECT
        monitor,
        MAX(recorded_at) FILTER (WHERE outcome = 'written') AS last_written_at,
        MAX(recorded_at) FILTER (WHERE outcome = 'error') AS last_error_at,
        (
            ARRAY_AGG(error ORDER BY recorded_at DESC, id DESC) FILTER (WHERE outcome = 'error')
        )[1] AS last_error
    FROM evaluation_attempt
    GROUP BY monitor
) AS tried ON tried.monitor = latest.monitor;

-- What maintenance should look after: rows that no monthly partition covers, and how far ahead
-- partitions reach. Alert on default_rows > 0.
CREATE OR REPLACE VIEW storage AS
SELECT
    (SELECT COUNT(*) FROM measurement_default) AS default_rows,
    (
        SELECT COUNT(*)
        FROM pg_catalog.pg_inherits
        WHERE inhparent = 'monitoring.measurement'::regclass
    ) - 1 AS partitions,
    (
        SELECT MAX(TO_DATE(SUBSTR(child.relname, 13), 'YYYY_MM')) + INTERVAL '1 month'
        FROM pg_catalog.pg_inherits AS inherits
        INNER JOIN pg_catalog.pg_class AS child ON child.oid = inherits.inhrelid
        WHERE
            inherits.inhparent = 'monitoring.measurement'::regclass
            AND child.relname ~ '^measurement_\d{4,}_\d{2}$'
    ) AT TIME ZONE 'UTC' AS covered_until;

CREATE OR REPLACE VIEW mlflow_experiments AS
SELECT
    experiment_id,
    name,
    lifecycle_stage,
    artifact_location,
    created_at,
    updated_at,
    tags
FROM mlflow_experiment;

CREATE OR REPLACE VIEW mlflow_runs AS
SELECT
    run.run_id,
    run.experiment_id,
    experiment.name AS experiment_name,
    run.name,
    run.status,
    run.lifecycle_stage,
    run.user_id,
    run.started_at,
    run.ended_at,
    EXTRACT(EPOCH FROM run.ended_at - run.started_at)::double precision AS duration_seconds,
    run.artifact_uri
FROM mlflow_run AS run
LEFT JOIN mlflow_experiment AS experiment ON experiment.experiment_id = run.experiment_id;

CREATE OR REPLACE VIEW mlflow_run_metrics AS
SELECT
    metric.run_id,
    run.experiment_id,
    run.name AS run_name,
    run.started_at,
    metric.name,
    metric.value,
    metric.step,
    metric.logged_at
FROM mlflow_run_metric AS metric
INNER JOIN mlflow_run AS run ON run.run_id = metric.run_id;

CREATE OR REPLACE VIEW mlflow_run_params AS
SELECT
    run_id,
    name,
    value
FROM mlflow_run_param;

CREATE OR REPLACE VIEW mlflow_run_tags AS
SELECT
    run_id,
    name,
    value
FROM mlflow_run_tag;

CREATE OR REPLACE VIEW mlflow_run_datasets AS
SELECT
    run_id,
    name,
    digest,
    context,
    source_type,
    source
FROM mlflow_run_dataset;

CREATE OR REPLACE VIEW mlflow_registered_models AS
SELECT
    name,
    description,
    created_at,
    updated_at,
    tags
FROM mlflow_registered_model;

-- Versions with the aliases that mean them now.
CREATE OR REPLACE VIEW mlflow_model_versions AS
SELECT
    version.model_name,
    version.version,
    version.run_id,
    version.status,
    version.stage,
    version.source,
    version.description,
    version.created_at,
    version.updated_at,
    version.tags,
    COALESCE(aliases.names, '{}') AS aliases
FROM mlflow_model_version AS version
LEFT JOIN (
    SELECT
        model_name,
        version,
        ARRAY_AGG(alias ORDER BY alias) AS names
    FROM mlflow_alias_history
    WHERE valid_to IS NULL
    GROUP BY model_name, version
) AS aliases
    ON aliases.model_name = version.model_name AND aliases.version = version.version;

CREATE OR REPLACE VIEW mlflow_aliases AS
SELECT
    model_name,
    alias,
    version,
    valid_from,
    valid_to,
    valid_to IS NULL AS is_current
FROM mlflow_alias_history;

CREATE OR REPLACE VIEW mlflow_extractions AS
SELECT
    tracking_server,
    watermark,
    full_scan_at,
    extracted_at
FROM mlflow_extraction;

-- Where Airflow, MLflow and Grafana are, for links.
CREATE OR REPLACE VIEW addresses AS
SELECT
    name,
    url
FROM address;

-- What the fleet's dashboard asks: which monitors need somebody today, since when and why. `state`
-- knows more than the newest window's verdict: that a later attempt failed, or that none came.
-- Monitors whose file is gone need nobody.
CREATE OR REPLACE VIEW monitor_status AS
WITH standing AS (
    SELECT
        monitor_names.monitor,
        newest.owner,
        newest.model_name,
        newest.model_version,
        newest.status,
        newest.window_start,
        newest.window_end,
        newest.computed_at,
        newest.written_at,
        newest.due_at,
        newest.rows_current,
        newest.evaluation_id,
        newest.report,
        newest.dag_id,
        newest.dag_run_id,
        tried.error,
        tried.recorded_at,
        tried.dag_id AS tried_dag_id,
        tried.dag_run_id AS tried_dag_run_id,
        CASE
            WHEN tried.recorded_at IS NULL THEN FALSE
            WHEN newest.monitor IS NULL THEN TRUE
            ELSE tried.window_end >= newest.window_end AND tried.recorded_at > newest.written_at
        END AS failed_since,
        NOW() > newest.due_at + INTERVAL '1 hour' AS is_overdue
    FROM monitor_names
    LEFT JOIN LATERAL (
        SELECT *
        FROM evaluations
        WHERE evaluations.monitor = monitor_names.monitor
        ORDER BY evaluations.window_end DESC, evaluations.window_start DESC
        LIMIT 1
    ) AS newest ON TRUE
    LEFT JOIN LATERAL (
        SELECT
            evaluation_attempt.window_end,
            evaluation_attempt.error,
            evaluation_attempt.recorded_at,
            evaluation_attempt.dag_id,
            evaluation_attempt.dag_run_id
        FROM evaluation_attempt
        WHERE
            evaluation_attempt.monitor = monitor_names.monitor
            AND evaluation_attempt.outcome = 'error'
        ORDER BY evaluation_attempt.window_end DESC, evaluation_attempt.recorded_at DESC
        LIMIT 1
    ) AS tried ON TRUE
    -- Not by removed_at: of that Postgres expects one row, and plans what joins these accordingly.
    WHERE
        NOT EXISTS (
            SELECT FROM removed_monitor WHERE removed_monitor.monitor = monitor_names.monitor
        )
),

judged AS (
    SELECT
        *,
        CASE
            WHEN failed_since THEN 'error'
            WHEN is_overdue THEN 'overdue'
            ELSE status
        END AS state
    FROM standing
)

SELECT
    judged.monitor,
    COALESCE(judged.owner, '') AS owner,
    judged.model_name,
    judged.model_version,
    judged.status,
    judged.state,
    ARRAY_POSITION(
        ARRAY['error', 'failed', 'overdue', 'warning', 'insufficient_data', 'skipped', 'ok'],
        judged.state
    ) - 1 AS state_rank,
    LEAST(
        streak.since,
        failures.since,
        CASE WHEN judged.state = 'overdue' THEN judged.due_at END
    ) AS since,
    (streak.windows + failures.windows)::integer AS windows_in_a_row,
    CASE
        WHEN judged.state = 'error' AND judged.failed_since THEN judged.error
        WHEN judged.state = 'overdue'
            THEN CASE
                WHEN NOW() >= judged.due_at + INTERVAL '48 hours'
                    THEN 'due ' || FLOOR(EXTRACT(EPOCH FROM NOW() - judged.due_at) / 86400)
                        || ' days ago'
                ELSE 'due ' || FLOOR(EXTRACT(EPOCH FROM NOW() - judged.due_at) / 3600)
                    || ' h ago'
            END
        -- None drifted where it was the prediction alone that did.
        WHEN
            worst.check_name = 'drift' AND worst.status = 'warning' AND worst.segment = ''
            AND summary.drifted_columns > 0
            THEN COALESCE(summary.drift, worst.finding)
        ELSE worst.finding
    END AS reason,
    judged.window_start,
    judged.window_end,
    judged.computed_at,
    judged.due_at,
    judged.rows_current,
    summary.drifted_columns::integer AS drifted_columns,
    summary.drifted_share,
    summary.data_quality_score,
    failed.measurements::integer AS failed_measurements,
    judged.error AS last_error,
    judged.recorded_at AS last_error_at,
    judged.evaluation_id,
    judged.report,
    CASE WHEN judged.failed_since THEN judged.tried_dag_id ELSE judged.dag_id END AS dag_id,
    CASE
        WHEN judged.failed_since THEN judged.tried_dag_run_id ELSE judged.dag_run_id
    END AS dag_run_id
FROM judged
-- Windows that were not well, back to the last that was. A day that nobody judged does not end the
-- row: it is no proof of health.
LEFT JOIN LATERAL (
    SELECT
        evaluation.window_start,
        evaluation.window_end
    FROM evaluation
    WHERE evaluation.monitor = judged.monitor AND evaluation.status IN ('ok', 'skipped')
    ORDER BY evaluation.window_end DESC, evaluation.window_start DESC
    LIMIT 1
) AS good ON TRUE
CROSS JOIN LATERAL (
    SELECT
        MIN(evaluation.window_start) AS since,
        COUNT(*) AS windows
    FROM evaluation
    WHERE
        evaluation.monitor = judged.monitor
        AND (evaluation.window_end, evaluation.window_start)
        > (
            COALESCE(good.window_end, '-infinity'::timestamptz),
            COALESCE(good.window_start, '-infinity'::timestamptz)
        )
) AS streak
-- Windows behind them that could not be judged at all; the newest may be in the row already.
CROSS JOIN LATERAL (
    SELECT
        MIN(evaluation_attempt.window_start) AS since,
        COUNT(
            DISTINCT ROW(evaluation_attempt.window_start, evaluation_attempt.window_end)
        ) FILTER (
            WHERE
                streak.windows = 0
                OR evaluation_attempt.window_start <> judged.window_start
                OR evaluation_attempt.window_end <> judged.window_end
        ) AS windows
    FROM evaluation_attempt
    WHERE
        judged.failed_since
        AND evaluation_attempt.monitor = judged.monitor
        AND evaluation_attempt.outcome = 'error'
        AND evaluation_attempt.window_end >= COALESCE(judged.window_end, '-infinity'::timestamptz)
        AND evaluation_attempt.recorded_at > COALESCE(judged.written_at, '-infinity'::timestamptz)
) AS failures
CROSS JOIN LATERAL (
    SELECT
        MAX(measurement.value) FILTER (
            WHERE measurement.metric = 'drifted_columns'
        ) AS drifted_columns,
        MAX(measurement.value) FILTER (
            WHERE measurement.metric = 'drifted_share'
        ) AS drifted_share,
        MAX(measurement.value) FILTER (
            WHERE measurement.metric = 'data_quality_score'
        ) AS data_quality_score,
        MAX(
            finding(
                measurement.check_name,
                measurement.metric,
                measurement.column_name,
                measurement.segment,
                measurement.value,
                measurement.threshold,
                measurement.status,
                measurement.detail
            )
        ) FILTER (WHERE measurement.metric = 'drifted_share') AS drift
    FROM measurement
    WHERE
        measurement.monitor = judged.monitor
        AND measurement.window_start = judged.window_start
        AND measurement.window_end = judged.window_end
        AND measurement.check_name IN ('drift', 'quality')
        AND measurement.metric IN ('drifted_columns', 'drifted_share', 'data_quality_score')
        AND measurement.column_name = ''
        AND measurement.segment = ''
        AND measurement.status IN ('ok', 'warning', 'failed')
) AS summary
CROSS JOIN LATERAL (
    SELECT COUNT(*) AS measurements
    FROM measurement
    WHERE
        measurement.monitor = judged.monitor
        AND measurement.window_start = judged.window_start
        AND measurement.window_end = judged.window_end
        AND measurement.status = 'failed'
) AS failed
-- The verdict is the worst status, so the measurement to speak of bears it. Performance first: the
-- others are measured for its sake. The whole window comes before its segments and columns.
LEFT JOIN LATERAL (
    SELECT
        measurement.check_name,
        measurement.status,
        measurement.segment,
        finding(
            measurement.check_name,
            measurement.metric,
            measurement.column_name,
            measurement.segment,
            measurement.value,
            measurement.threshold,
            measurement.status,
            measurement.detail
        ) AS finding
    FROM measurement
    WHERE
        measurement.monitor = judged.monitor
        AND measurement.window_start = judged.window_start
        AND measurement.window_end = judged.window_end
        AND measurement.status = judged.status
        AND measurement.status NOT IN ('ok', 'skipped')
    ORDER BY
        measurement.status = 'insufficient_data' AND measurement.check_name = 'performance',
        measurement.segment <> '',
        ARRAY_POSITION(
            ARRAY['performance', 'schema', 'quality', 'drift'], measurement.check_name
        ),
        measurement.column_name <> '',
        CASE
            WHEN measurement.check_name = 'quality' THEN measurement.threshold - measurement.value
        END,
        measurement.metric,
        measurement.column_name
    LIMIT 1
) AS worst ON TRUE;

-- One column's quality in one window, side by side. Status is the worst of its measurements.
CREATE OR REPLACE VIEW column_quality AS
SELECT
    found.monitor,
    found.window_start,
    found.window_end,
    found.segment,
    found.column_name,
    found.missing_count,
    found.missing_share,
    found.missing_limit,
    1 - found.missing_share AS completeness,
    found.outlier_count,
    found.outlier_share,
    found.out_of_range_share,
    found.new_category_share,
    found.distinct_values,
    found.mean,
    status_of(found.severity) AS status,
    evaluation.model_name,
    evaluation.model_version,
    evaluation.owner
FROM (
    SELECT
        monitor,
        window_start,
        window_end,
        segment,
        column_name,
        MAX(value) FILTER (WHERE metric = 'missing_count') AS missing_count,
        MAX(value) FILTER (WHERE metric = 'missing_share') AS missing_share,
        MAX(threshold) FILTER (WHERE metric = 'missing_share') AS missing_limit,
        MAX(value) FILTER (WHERE metric = 'outlier_count') AS outlier_count,
        MAX(value) FILTER (WHERE metric = 'outlier_share') AS outlier_share,
        MAX(value) FILTER (WHERE metric = 'out_of_range_share') AS out_of_range_share,
        MAX(value) FILTER (WHERE metric = 'new_category_share') AS new_category_share,
        MAX(value) FILTER (WHERE metric = 'distinct') AS distinct_values,
        MAX(value) FILTER (WHERE metric = 'mean') AS mean,
        MAX(severity(status)) AS severity
    FROM measurement
    WHERE check_name = 'quality' AND column_name <> ''
    GROUP BY monitor, window_start, window_end, segment, column_name
) AS found
INNER JOIN evaluation
    ON
        evaluation.monitor = found.monitor
        AND evaluation.window_start = found.window_start
        AND evaluation.window_end = found.window_end;

-- The quality of one window, or of a segment of it. Status is the worst of all that was measured;
-- what is not ok has an index, so that years of windows need not be read whole for it.
CREATE OR REPLACE VIEW window_quality AS
SELECT
    evaluation.monitor,
    evaluation.window_start,
    evaluation.window_end,
    found.segment,
    found.rows,
    found.data_quality_score,
    found.score_limit,
    found.duplicate_share,
    found.completeness,
    found.missing_values,
    found.outliers,
    status_of(
        GREATEST(
            found.severity,
            (
                SELECT MAX(severity(measurement.status))
                FROM measurement
                WHERE
                    measurement.monitor = evaluation.monitor
                    AND measurement.window_start = evaluation.window_start
                    AND measurement.window_end = evaluation.window_end
                    AND measurement.check_name = 'quality'
                    AND measurement.segment = found.segment
                    AND measurement.status <> 'ok'
            )
        )
    ) AS status,
    evaluation.model_name,
    evaluation.model_version,
    evaluation.owner
FROM evaluation
CROSS JOIN LATERAL (
    SELECT
        measurement.segment,
        MAX(value) FILTER (WHERE metric = 'rows') AS rows,
        MAX(value) FILTER (WHERE metric = 'data_quality_score') AS data_quality_score,
        MAX(threshold) FILTER (WHERE metric = 'data_quality_score') AS score_limit,
        MAX(value) FILTER (WHERE metric = 'duplicate_share') AS duplicate_share,
        1 - AVG(value) FILTER (WHERE metric = 'missing_share') AS completeness,
        SUM(value) FILTER (WHERE metric = 'missing_count') AS missing_values,
        SUM(value) FILTER (WHERE metric = 'outlier_count') AS outliers,
        MAX(severity(measurement.status)) AS severity
    FROM measurement
    WHERE
        measurement.monitor = evaluation.monitor
        AND measurement.window_start = evaluation.window_start
        AND measurement.window_end = evaluation.window_end
        AND measurement.check_name = 'quality'
        AND measurement.metric IN (
            'rows',
            'data_quality_score',
            'duplicate_share',
            'missing_share',
            'missing_count',
            'outlier_count'
        )
    GROUP BY measurement.segment
) AS found;

-- How well predictions met the labels that had arrived, and for which share of the rows they had.
-- `bound` says on which side of the threshold the value must lie.
CREATE OR REPLACE VIEW performance AS
SELECT
    measured.monitor,
    measured.window_start,
    measured.window_end,
    measured.segment,
    measured.metric,
    measured.value,
    measured.threshold,
    CASE
        WHEN measured.threshold IS NULL THEN NULL
        WHEN measured.detail ? 'bound' THEN measured.detail ->> 'bound'
        -- Rows of before 0003 name the bounds of the monitor file, not the one compared with.
        WHEN (measured.detail ->> 'max')::double precision = measured.threshold THEN 'max'
        ELSE 'min'
    END AS bound,
    measured.status,
    -- Not a join: for one Postgres may choose to read a month's coverages again for every row.
    (
        SELECT coverage.value
        FROM measurement AS coverage
        WHERE
            coverage.monitor = measured.monitor
            AND coverage.window_start = measured.window_start
            AND coverage.window_end = measured.window_end
            AND coverage.check_name = 'performance'
            AND coverage.metric = 'label_coverage'
            AND coverage.column_name = ''
            AND coverage.segment = measured.segment
    ) AS label_coverage,
    measured.model_name,
    measured.model_version,
    measured.owner
FROM measurements AS measured
WHERE measured.check_name = 'performance';

-- What was predicted in each window. Monitors without a column of predictions have rows alone.
CREATE OR REPLACE VIEW prediction_volume AS
SELECT
    evaluation.monitor,
    evaluation.window_start,
    evaluation.window_end,
    evaluation.rows_current AS rows,
    evaluation.rows_current - found.missing AS predictions,
    found.missing AS missing_predictions,
    found.mean AS mean_prediction,
    evaluation.model_name,
    evaluation.model_version,
    evaluation.owner
FROM evaluation
CROSS JOIN LATERAL (
    SELECT
        MAX(measurement.value) FILTER (
            WHERE measurement.metric = 'missing_count'
        )::bigint AS missing,
        MAX(measurement.value) FILTER (WHERE measurement.metric = 'mean') AS mean
    FROM measurement
    WHERE
        measurement.monitor = evaluation.monitor
        AND measurement.window_start = evaluation.window_start
        AND measurement.window_end = evaluation.window_end
        AND measurement.check_name = 'quality'
        AND measurement.metric IN ('missing_count', 'mean')
        AND measurement.segment = ''
        AND measurement.detail ->> 'role' = 'prediction'
) AS found;

-- The newest thirty windows of each monitor that still has a file; place 1 is the newest.
CREATE OR REPLACE VIEW recent_windows AS
SELECT
    monitor_names.monitor,
    newest.owner,
    newest.window_start,
    newest.window_end,
    newest.status,
    newest.place
FROM monitor_names
CROSS JOIN LATERAL (
    SELECT
        evaluation.owner,
        evaluation.window_start,
        evaluation.window_end,
        evaluation.status,
        ROW_NUMBER() OVER (
            ORDER BY evaluation.window_end DESC, evaluation.window_start DESC
        )::integer AS place
    FROM evaluation
    WHERE evaluation.monitor = monitor_names.monitor
    ORDER BY evaluation.window_end DESC, evaluation.window_start DESC
    LIMIT 30
) AS newest
WHERE
    NOT EXISTS (SELECT FROM removed_monitor WHERE removed_monitor.monitor = monitor_names.monitor);

-- How long each monitor was held against one and the same reference. One that comes back begins a
-- period of its own. Windows whose reference could not be read count for none, and a monitor whose
-- file is gone has no current one. Monitor by monitor, in the order of an index: nothing to sort.
CREATE OR REPLACE VIEW reference_periods AS
SELECT
    monitor_names.monitor,
    periods.reference_id,
    periods.first_window_start,
    periods.last_window_end,
    periods.windows,
    periods.previous_reference_id,
    periods.is_last AND monitor_names.removed_at IS NULL AS is_current
FROM monitor_names
CROSS JOIN LATERAL (
    SELECT
        begun.reference_id,
        begun.window_start AS first_window_start,
        COALESCE(
            LEAD(begun.previous_window_end) OVER earlier_first, begun.newest_window_end
        ) AS last_window_end,
        COALESCE(LEAD(begun.place) OVER earlier_first, begun.places + 1)
        - begun.place AS windows,
        begun.previous_reference_id,
        LEAD(begun.place) OVER earlier_first IS NULL AS is_last
    FROM (
        SELECT
            evaluation.reference_id,
            evaluation.window_start,
            ROW_NUMBER() OVER earlier_first AS place,
            LAG(evaluation.reference_id) OVER earlier_first AS previous_reference_id,
            LAG(evaluation.window_end) OVER earlier_first AS previous_window_end,
            COUNT(*) OVER () AS places,
            MAX(evaluation.window_end) OVER () AS newest_window_end
        FROM evaluation
        WHERE evaluation.monitor = monitor_names.monitor AND evaluation.reference_id <> ''
        WINDOW earlier_first AS (ORDER BY evaluation.window_end, evaluation.window_start)
    ) AS begun
    WHERE begun.reference_id IS DISTINCT FROM begun.previous_reference_id
    WINDOW earlier_first AS (ORDER BY begun.place)
) AS periods;

-- Changes of the reference, for annotations. A trailing reference is another in every window: where
-- neither the old nor the new one held for two windows there is nothing to tell.
CREATE OR REPLACE VIEW reference_changes AS
SELECT
    first_window_start AS at,
    monitor,
    'reference changed from ' || LEFT(previous_reference_id, 8) || ' to '
    || LEFT(reference_id, 8) AS text
FROM (
    SELECT
        monitor,
        reference_id,
        previous_reference_id,
        first_window_start,
        windows,
        LAG(windows) OVER (PARTITION BY monitor ORDER BY first_window_start) AS previous_windows
    FROM reference_periods
) AS periods
WHERE previous_reference_id IS NOT NULL AND (windows > 1 OR previous_windows > 1);

-- New versions and moves of aliases, for annotations.
CREATE OR REPLACE VIEW model_events AS
SELECT
    created_at AS at,
    model_name,
    version,
    NULL::text AS alias,
    'version' AS kind,
    'version ' || version AS text
FROM mlflow_model_version
WHERE created_at IS NOT NULL
UNION ALL
SELECT
    valid_from AS at,
    model_name,
    version,
    alias,
    'alias' AS kind,
    CASE
        WHEN valid_from = previous_valid_to
            THEN alias || ' moved from ' || previous_version || ' to ' || version
        ELSE alias || ' set to ' || version
    END AS text
FROM (
    SELECT
        model_name,
        alias,
        version,
        valid_from,
        LAG(version) OVER earlier_first AS previous_version,
        LAG(valid_to) OVER earlier_first AS previous_valid_to
    FROM mlflow_alias_history
    WINDOW earlier_first AS (PARTITION BY model_name, alias ORDER BY valid_from)
) AS moves
UNION ALL
SELECT
    known.valid_to AS at,
    known.model_name,
    known.version,
    known.alias,
    'alias' AS kind,
    known.alias || ' removed from ' || known.version AS text
FROM mlflow_alias_history AS known
WHERE
    known.valid_to IS NOT NULL
    AND NOT EXISTS (
        SELECT FROM mlflow_alias_history AS following
        WHERE
            following.model_name = known.model_name
            AND following.alias = known.alias
            AND following.valid_from = known.valid_to
    );

-- How many runs of each experiment ended how, deleted ones left out.
CREATE OR REPLACE VIEW run_status_counts AS
SELECT
    COALESCE(experiment.name, run.experiment_id) AS experiment_name,
    run.status,
    COUNT(*) AS runs
FROM mlflow_run AS run
LEFT JOIN mlflow_experiment AS experiment ON experiment.experiment_id = run.experiment_id
WHERE
    run.lifecycle_stage = 'active'
    AND COALESCE(experiment.lifecycle_stage, 'active') = 'active'
GROUP BY experiment_name, run.status;
