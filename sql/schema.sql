-- The whole truth about the results database. A test builds one database from this file and one
-- from sql/migrations and asserts that they do not differ.
CREATE SCHEMA monitoring;
SET search_path = monitoring;

-- How ids write an instant: 20261120T000000Z, with microseconds only where there are any.
CREATE FUNCTION instant_id(instant timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
    SELECT
        pg_catalog.to_char(instant AT TIME ZONE 'UTC', 'YYYYMMDD"T"HH24MISS')
        || CASE
            WHEN instant = pg_catalog.date_trunc('second', instant) THEN ''
            ELSE pg_catalog.to_char(instant AT TIME ZONE 'UTC', '.US')
        END
        || 'Z'
$$;

-- One row per monitor and window: the newest attempt's verdict.
CREATE TABLE evaluation (
    monitor            text        NOT NULL,
    window_start       timestamptz NOT NULL,
    window_end         timestamptz NOT NULL,
    status             text        NOT NULL
        CHECK (status IN ('ok', 'warning', 'failed', 'insufficient_data', 'skipped', 'error')),
    owner              text        NOT NULL DEFAULT '',
    model_name         text,
    model_version      text,
    model_alias        text,
    rows_current       bigint      NOT NULL,
    rows_reference     bigint      NOT NULL,
    rows_sampled       bigint      NOT NULL,
    reference_id       text        NOT NULL,
    spec_hash          text        NOT NULL,
    code_version       text        NOT NULL,
    attempt            text        NOT NULL,
    computed_at        timestamptz NOT NULL,
    duration_seconds   double precision NOT NULL,
    peak_memory_bytes  bigint      NOT NULL,
    report             text,
    written_at         timestamptz NOT NULL DEFAULT now(),
    -- The Airflow Dag run that computed it; NULL outside Airflow.
    dag_id             text,
    dag_run_id         text,
    -- When the evaluation of the next window should be there.
    due_at             timestamptz,
    PRIMARY KEY (monitor, window_start, window_end),
    CHECK (window_start < window_end)
);
CREATE INDEX evaluation_window_end ON evaluation (window_end DESC, monitor);
-- A monitor's newest windows, and from each monitor to the next one, without reading what lies
-- between.
CREATE INDEX evaluation_newest
    ON evaluation (monitor, window_end DESC, window_start DESC) INCLUDE (status, reference_id);

-- One row per measurement. Partitioned by month of window_start; the default partition catches
-- windows that no partition covers.
CREATE TABLE measurement (
    monitor       text        NOT NULL,
    window_start  timestamptz NOT NULL,
    window_end    timestamptz NOT NULL,
    check_name    text        NOT NULL,
    metric        text        NOT NULL,
    column_name   text        NOT NULL,
    segment       text        NOT NULL,
    value         double precision,
    threshold     double precision,
    status        text        NOT NULL
        CHECK (status IN ('ok', 'warning', 'failed', 'insufficient_data', 'skipped', 'error')),
    detail        jsonb       NOT NULL DEFAULT '{}'
) PARTITION BY RANGE (window_start);
-- The natural key. Names of columns and segments come from data and may be longer than an index
-- entry can be, so they enter it by their hashes.
CREATE UNIQUE INDEX measurement_key ON measurement (
    monitor, window_start, window_end, check_name, metric,
    hashtextextended(column_name, 0), hashtextextended(segment, 0)
);
-- What dashboards ask over long times and many monitors (docs/decisions/0016-dashboard-views.md):
-- what is not ok, and what is said of windows as a whole. Few measurements are either.
CREATE INDEX measurement_not_ok
    ON measurement (monitor, window_start, window_end, status) WHERE status <> 'ok';
CREATE INDEX measurement_of_windows
    ON measurement (metric, window_start, monitor) WHERE column_name = '';
CREATE TABLE measurement_default PARTITION OF measurement DEFAULT;

-- Every execution, append-only: written, refused as stale, or failed with its one-line error.
CREATE TABLE evaluation_attempt (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    monitor       text        NOT NULL,
    window_start  timestamptz NOT NULL,
    window_end    timestamptz NOT NULL,
    attempt       text        NOT NULL,
    computed_at   timestamptz NOT NULL,
    outcome       text        NOT NULL CHECK (outcome IN ('written', 'stale_attempt', 'error')),
    status        text,
    error         text,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    dag_id        text,
    dag_run_id    text,
    duration_seconds double precision,
    UNIQUE (monitor, window_start, window_end, attempt, outcome)
);
CREATE INDEX evaluation_attempt_dag_run ON evaluation_attempt (dag_id, dag_run_id);
CREATE INDEX evaluation_attempt_error
    ON evaluation_attempt (monitor, window_end DESC, recorded_at DESC) WHERE outcome = 'error';

-- What MLflow knew when it was last asked.
CREATE TABLE mlflow_experiment (
    experiment_id    text PRIMARY KEY,
    name             text        NOT NULL,
    lifecycle_stage  text        NOT NULL,
    artifact_location text,
    created_at       timestamptz,
    updated_at       timestamptz,
    tags             jsonb       NOT NULL DEFAULT '{}'
);

CREATE TABLE mlflow_run (
    run_id           text PRIMARY KEY,
    experiment_id    text        NOT NULL,
    name             text,
    status           text        NOT NULL,
    lifecycle_stage  text        NOT NULL,
    user_id          text,
    started_at       timestamptz,
    ended_at         timestamptz,
    artifact_uri     text
);
CREATE INDEX mlflow_run_experiment ON mlflow_run (experiment_id, started_at DESC);

CREATE TABLE mlflow_run_metric (
    run_id     text             NOT NULL,
    name       text             NOT NULL,
    value      double precision,            -- NULL where MLflow holds NaN or an infinity
    step       bigint           NOT NULL,
    logged_at  timestamptz,
    PRIMARY KEY (run_id, name)
);
CREATE TABLE mlflow_run_param (
    run_id  text NOT NULL,
    name    text NOT NULL,
    value   text NOT NULL,
    PRIMARY KEY (run_id, name)
);
CREATE TABLE mlflow_run_tag (
    run_id  text NOT NULL,
    name    text NOT NULL,
    value   text NOT NULL,
    PRIMARY KEY (run_id, name)
);
CREATE TABLE mlflow_run_dataset (
    run_id       text NOT NULL,
    name         text NOT NULL,
    digest       text NOT NULL,
    context      text NOT NULL DEFAULT '',
    source_type  text,
    source       text,
    PRIMARY KEY (run_id, name, digest, context)
);

CREATE TABLE mlflow_registered_model (
    name         text PRIMARY KEY,
    description  text,
    created_at   timestamptz,
    updated_at   timestamptz,
    tags         jsonb NOT NULL DEFAULT '{}'
);
CREATE TABLE mlflow_model_version (
    model_name   text NOT NULL,
    version      text NOT NULL,
    run_id       text,
    status       text,
    stage        text,
    source       text,
    description  text,
    created_at   timestamptz,
    updated_at   timestamptz,
    tags         jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (model_name, version)
);
-- Which version an alias meant, and when; valid_to is NULL while it still does.
CREATE TABLE mlflow_alias_history (
    model_name  text        NOT NULL,
    alias       text        NOT NULL,
    version     text        NOT NULL,
    valid_from  timestamptz NOT NULL,
    valid_to    timestamptz,
    PRIMARY KEY (model_name, alias, valid_from),
    CHECK (valid_to IS NULL OR valid_to >= valid_from)
);
CREATE UNIQUE INDEX mlflow_alias_current
    ON mlflow_alias_history (model_name, alias) WHERE valid_to IS NULL;

-- How far the extraction has read, by tracking server.
CREATE TABLE mlflow_extraction (
    tracking_server  text PRIMARY KEY,
    watermark        timestamptz NOT NULL,
    full_scan_at     timestamptz,
    extracted_at     timestamptz NOT NULL DEFAULT now()
);

-- Monitors whose file is gone: their results stay, but nobody is to be told that they are overdue.
CREATE TABLE removed_monitor (
    monitor     text PRIMARY KEY,
    removed_at  timestamptz NOT NULL DEFAULT now()
);

-- Where the user interfaces are, for the links of dashboards.
CREATE TABLE address (
    name  text PRIMARY KEY,
    url   text NOT NULL
);

-- What maintenance does to tables. The functions run with the rights of the tables' owner, so that
-- maintenance needs no more than the writer's login.

-- Make the partition of one month (UTC). Rows of that month that the default partition has caught
-- move into it in the same transaction. Returns false where the partition exists.
CREATE FUNCTION create_measurement_partition(month date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, monitoring, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    lower_bound CONSTANT timestamptz := date_trunc('month', month::timestamptz);
    upper_bound CONSTANT timestamptz := lower_bound + interval '1 month';
    partition CONSTANT text := 'measurement_' || to_char(lower_bound, 'YYYY_MM');
BEGIN
    -- Two maintenances at once: the second waits here, then sees the partition of the first.
    PERFORM pg_advisory_xact_lock(hashtextextended('monitoring-jobs partitions', 0));
    IF to_regclass(format('monitoring.%I', partition)) IS NOT NULL THEN
        RETURN false;
    END IF;
    -- Whoever comes now waits at the parent, and plans with the new partition. Waiting at the
    -- default partition alone would be too late: a rerun would not find the rows it replaces.
    LOCK TABLE ONLY measurement, ONLY measurement_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format(
        'CREATE TABLE monitoring.%I (LIKE measurement INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
        partition
    );
    EXECUTE format(
        'WITH moved AS (
            DELETE FROM measurement_default
            WHERE window_start >= $1 AND window_start < $2
            RETURNING *
        )
        INSERT INTO monitoring.%I SELECT * FROM moved',
        partition
    ) USING lower_bound, upper_bound;
    EXECUTE format(
        'ALTER TABLE measurement ATTACH PARTITION monitoring.%I FOR VALUES FROM (%L) TO (%L)',
        partition, lower_bound, upper_bound
    );
    RETURN true;
END
$$;

-- Forget the windows that start before a month (UTC): partitions are detached and dropped whole.
-- Returns the number of partitions dropped and of evaluations deleted.
CREATE FUNCTION forget_windows_before(
    month date, OUT partitions integer, OUT evaluations bigint
)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, monitoring, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    bound CONSTANT timestamptz := date_trunc('month', month::timestamptz);
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('monitoring-jobs partitions', 0));
    LOCK TABLE ONLY measurement IN ACCESS EXCLUSIVE MODE;
    partitions := 0;
    FOR partition IN
        SELECT child.relname
        FROM pg_inherits AS inherits
        INNER JOIN pg_class AS child ON child.oid = inherits.inhrelid
        WHERE
            inherits.inhparent = 'monitoring.measurement'::regclass
            AND child.relname ~ '^measurement_\d{4,}_\d{2}$'
            AND to_date(substr(child.relname, 13), 'YYYY_MM') < bound
        ORDER BY child.relname
    LOOP
        EXECUTE format('ALTER TABLE measurement DETACH PARTITION monitoring.%I', partition);
        EXECUTE format('DROP TABLE monitoring.%I', partition);
        partitions := partitions + 1;
    END LOOP;
    DELETE FROM measurement_default WHERE window_start < bound;
    DELETE FROM evaluation_attempt WHERE window_start < bound;
    DELETE FROM evaluation WHERE window_start < bound;
    GET DIAGNOSTICS evaluations = ROW_COUNT;
END
$$;

-- The months (UTC) whose windows the default partition has caught.
CREATE FUNCTION months_without_partition() RETURNS SETOF date
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, monitoring, pg_temp
SET timezone = 'UTC'
AS $$
    SELECT DISTINCT date_trunc('month', window_start)::date FROM measurement_default ORDER BY 1
$$;

REVOKE ALL ON FUNCTION create_measurement_partition(date) FROM PUBLIC;
REVOKE ALL ON FUNCTION forget_windows_before(date) FROM PUBLIC;
REVOKE ALL ON FUNCTION months_without_partition() FROM PUBLIC;
