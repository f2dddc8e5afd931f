-- The dashboards' interface, and all that monitoring_reader may read. Tables may move under it.
-- Columns are only ever appended: CREATE OR REPLACE refuses anything else.
SET LOCAL search_path = monitoring;

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
    monitor || '--' || instant_id(window_start) || '--' || instant_id(window_end) AS evaluation_id
FROM evaluation;

-- The newest window of each monitor.
CREATE OR REPLACE VIEW latest_evaluations AS
SELECT DISTINCT ON (monitor) *
FROM evaluations
ORDER BY monitor, window_end DESC, window_start DESC;

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
    model_version
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
    dag_run_id
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
