SET LOCAL search_path = monitoring;

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

ALTER TABLE evaluation ADD COLUMN dag_id text, ADD COLUMN dag_run_id text;
ALTER TABLE evaluation_attempt ADD COLUMN dag_id text, ADD COLUMN dag_run_id text;
CREATE INDEX evaluation_attempt_dag_run ON evaluation_attempt (dag_id, dag_run_id);
CREATE INDEX evaluation_attempt_error
    ON evaluation_attempt (monitor, window_end DESC, recorded_at DESC) WHERE outcome = 'error';

-- A monitor's newest windows, and from each monitor to the next one, without reading what lies
-- between.
CREATE INDEX evaluation_newest
    ON evaluation (monitor, window_end DESC, window_start DESC) INCLUDE (status);
