-- How an extraction is written: pages go to temporary tables, which are merged at the end, all in
-- one transaction.

-- name: lock
-- One extraction at a time; a second one waits, then reads MLflow after the first has written.
SELECT pg_advisory_xact_lock(hashtextextended('monitoring-jobs extract', 0));

-- name: progress
-- The last column counts over all addresses: a server that moved keeps its history.
SELECT
    watermark,
    full_scan_at,
    (SELECT max(watermark) FROM mlflow_extraction) AS last_observation
FROM mlflow_extraction
WHERE tracking_server = %(server)s
UNION ALL
SELECT
    NULL,
    NULL,
    max(watermark)
FROM mlflow_extraction
HAVING count(*) FILTER (WHERE tracking_server = %(server)s) = 0;

-- name: create_incoming
CREATE TEMPORARY TABLE incoming_experiment (LIKE mlflow_experiment) ON COMMIT DROP;
CREATE TEMPORARY TABLE incoming_run (LIKE mlflow_run) ON COMMIT DROP;
CREATE TEMPORARY TABLE incoming_run_metric (LIKE mlflow_run_metric) ON COMMIT DROP;
CREATE TEMPORARY TABLE incoming_run_param (LIKE mlflow_run_param) ON COMMIT DROP;
CREATE TEMPORARY TABLE incoming_run_tag (LIKE mlflow_run_tag) ON COMMIT DROP;
CREATE TEMPORARY TABLE incoming_run_dataset (LIKE mlflow_run_dataset) ON COMMIT DROP;
CREATE TEMPORARY TABLE incoming_registered_model (LIKE mlflow_registered_model) ON COMMIT DROP;
CREATE TEMPORARY TABLE incoming_model_version (LIKE mlflow_model_version) ON COMMIT DROP;
CREATE TEMPORARY TABLE incoming_alias (
    model_name text NOT NULL,
    alias text NOT NULL,
    version text NOT NULL
) ON COMMIT DROP;
-- Runs that MLflow still has, those included that are not written because they ended too late.
CREATE TEMPORARY TABLE incoming_seen (run_id text NOT NULL) ON COMMIT DROP;
CREATE INDEX ON incoming_seen (run_id);

-- name: are_of_another_server
-- Every server has an experiment 0 called Default: only its birth tells one from another.
SELECT
    EXISTS (SELECT FROM mlflow_experiment)
    AND NOT EXISTS (
        SELECT FROM mlflow_experiment AS known
        INNER JOIN incoming_experiment AS incoming
            ON
                incoming.experiment_id = known.experiment_id
                AND incoming.name = known.name
                AND incoming.created_at = known.created_at
    );

-- name: known_runs
-- Of these runs, those of which any table holds something.
SELECT run_id FROM mlflow_run
WHERE run_id = ANY(%(run_ids)s)
UNION
SELECT run_id FROM mlflow_run_metric
WHERE run_id = ANY(%(run_ids)s)
UNION
SELECT run_id FROM mlflow_run_param
WHERE run_id = ANY(%(run_ids)s)
UNION
SELECT run_id FROM mlflow_run_tag
WHERE run_id = ANY(%(run_ids)s)
UNION
SELECT run_id FROM mlflow_run_dataset
WHERE run_id = ANY(%(run_ids)s);

-- name: plan_by_indexes
-- Postgres has no statistics yet of what this transaction or the last one has written. It would
-- take a run for a large part of a table, and read the table whole for each page of runs.
SET LOCAL enable_seqscan = off;

-- name: plan_as_usual
SET LOCAL enable_seqscan = on;

-- name: index_incoming
-- The tables merged into may have grown by millions since Postgres last counted them. With these a
-- merge that is planned on the old count takes a little longer, without them for ever.
CREATE INDEX ON incoming_run (run_id);
CREATE INDEX ON incoming_run_metric (run_id, name);
CREATE INDEX ON incoming_run_param (run_id, name);
CREATE INDEX ON incoming_run_tag (run_id, name);
CREATE INDEX ON incoming_run_dataset (run_id, name, digest);
ANALYZE
incoming_run,
incoming_run_metric,
incoming_run_param,
incoming_run_tag,
incoming_run_dataset;

-- name: unseen_runs
-- Runs that must be asked for by id: those that had not ended, or all that a full scan missed.
ANALYZE incoming_seen;
SELECT
    run_id,
    experiment_id
FROM mlflow_run
WHERE
    lifecycle_stage = 'active'
    AND (%(everything)s OR status IN ('RUNNING', 'SCHEDULED'))
    AND NOT EXISTS (SELECT FROM incoming_seen WHERE incoming_seen.run_id = mlflow_run.run_id)
ORDER BY run_id;

-- name: mark_gone_runs
-- Asked for by id and not found: removed for good.
UPDATE mlflow_run
SET lifecycle_stage = 'deleted'
WHERE
    lifecycle_stage = 'active'
    AND (%(everything)s OR status IN ('RUNNING', 'SCHEDULED'))
    AND NOT EXISTS (SELECT FROM incoming_seen WHERE incoming_seen.run_id = mlflow_run.run_id);

-- name: merge_experiments
INSERT INTO mlflow_experiment AS known (
    experiment_id, name, lifecycle_stage, artifact_location, created_at, updated_at, tags
)
SELECT DISTINCT ON (experiment_id)
    experiment_id,
    name,
    lifecycle_stage,
    artifact_location,
    created_at,
    updated_at,
    tags
FROM incoming_experiment
ORDER BY experiment_id
ON CONFLICT (experiment_id) DO UPDATE SET
name = excluded.name,
lifecycle_stage = excluded.lifecycle_stage,
artifact_location = excluded.artifact_location,
created_at = excluded.created_at,
updated_at = excluded.updated_at,
tags = excluded.tags
WHERE known.* IS DISTINCT FROM excluded.*;

-- name: mark_gone_experiments
UPDATE mlflow_experiment
SET lifecycle_stage = 'deleted'
WHERE
    lifecycle_stage = 'active'
    AND NOT EXISTS (
        SELECT FROM incoming_experiment
        WHERE incoming_experiment.experiment_id = mlflow_experiment.experiment_id
    );

-- name: merge_runs
INSERT INTO mlflow_run AS known (
    run_id,
    experiment_id,
    name,
    status,
    lifecycle_stage,
    user_id,
    started_at,
    ended_at,
    artifact_uri
)
SELECT
    run_id,
    experiment_id,
    name,
    status,
    lifecycle_stage,
    user_id,
    started_at,
    ended_at,
    artifact_uri
FROM incoming_run
ON CONFLICT (run_id) DO UPDATE SET
experiment_id = excluded.experiment_id,
name = excluded.name,
status = excluded.status,
lifecycle_stage = excluded.lifecycle_stage,
user_id = excluded.user_id,
started_at = excluded.started_at,
ended_at = excluded.ended_at,
artifact_uri = excluded.artifact_uri
WHERE known.* IS DISTINCT FROM excluded.*;

-- name: merge_metrics
INSERT INTO mlflow_run_metric AS known (run_id, name, value, step, logged_at)
SELECT
    run_id,
    name,
    value,
    step,
    logged_at
FROM incoming_run_metric
ON CONFLICT (run_id, name) DO UPDATE SET
value = excluded.value,
step = excluded.step,
logged_at = excluded.logged_at
WHERE known.* IS DISTINCT FROM excluded.*;

-- name: forget_metrics
DELETE FROM mlflow_run_metric AS known
USING incoming_run
WHERE
    incoming_run.run_id = known.run_id
    AND NOT EXISTS (
        SELECT FROM incoming_run_metric AS incoming
        WHERE incoming.run_id = known.run_id AND incoming.name = known.name
    );

-- name: merge_params
INSERT INTO mlflow_run_param AS known (run_id, name, value)
SELECT
    run_id,
    name,
    value
FROM incoming_run_param
ON CONFLICT (run_id, name) DO UPDATE SET
value = excluded.value
WHERE known.* IS DISTINCT FROM excluded.*;

-- name: forget_params
DELETE FROM mlflow_run_param AS known
USING incoming_run
WHERE
    incoming_run.run_id = known.run_id
    AND NOT EXISTS (
        SELECT FROM incoming_run_param AS incoming
        WHERE incoming.run_id = known.run_id AND incoming.name = known.name
    );

-- name: merge_tags
INSERT INTO mlflow_run_tag AS known (run_id, name, value)
SELECT
    run_id,
    name,
    value
FROM incoming_run_tag
ON CONFLICT (run_id, name) DO UPDATE SET
value = excluded.value
WHERE known.* IS DISTINCT FROM excluded.*;

-- name: forget_tags
DELETE FROM mlflow_run_tag AS known
USING incoming_run
WHERE
    incoming_run.run_id = known.run_id
    AND NOT EXISTS (
        SELECT FROM incoming_run_tag AS incoming
        WHERE incoming.run_id = known.run_id AND incoming.name = known.name
    );

-- name: merge_datasets
INSERT INTO mlflow_run_dataset AS known (run_id, name, digest, context, source_type, source)
SELECT DISTINCT ON (run_id, name, digest, context)
    run_id,
    name,
    digest,
    context,
    source_type,
    source
FROM incoming_run_dataset
ORDER BY run_id, name, digest, context
ON CONFLICT (run_id, name, digest, context) DO UPDATE SET
source_type = excluded.source_type,
source = excluded.source
WHERE known.* IS DISTINCT FROM excluded.*;

-- name: forget_datasets
DELETE FROM mlflow_run_dataset AS known
USING incoming_run
WHERE
    incoming_run.run_id = known.run_id
    AND NOT EXISTS (
        SELECT FROM incoming_run_dataset AS incoming
        WHERE
            incoming.run_id = known.run_id
            AND incoming.name = known.name
            AND incoming.digest = known.digest
            AND incoming.context = known.context
    );

-- name: merge_registered_models
INSERT INTO mlflow_registered_model AS known (name, description, created_at, updated_at, tags)
SELECT DISTINCT ON (name)
    name,
    description,
    created_at,
    updated_at,
    tags
FROM incoming_registered_model
ORDER BY name
ON CONFLICT (name) DO UPDATE SET
description = excluded.description,
created_at = excluded.created_at,
updated_at = excluded.updated_at,
tags = excluded.tags
WHERE known.* IS DISTINCT FROM excluded.*;

-- name: forget_registered_models
-- MLflow keeps no trace of a deleted model; the alias history does.
DELETE FROM mlflow_registered_model AS known
WHERE NOT EXISTS (
    SELECT FROM incoming_registered_model AS incoming
    WHERE incoming.name = known.name
);

-- name: merge_model_versions
INSERT INTO mlflow_model_version AS known (
    model_name,
    version,
    run_id,
    status,
    stage,
    source,
    description,
    created_at,
    updated_at,
    tags
)
SELECT DISTINCT ON (model_name, version)
    model_name,
    version,
    run_id,
    status,
    stage,
    source,
    description,
    created_at,
    updated_at,
    tags
FROM incoming_model_version
ORDER BY model_name, version
ON CONFLICT (model_name, version) DO UPDATE SET
run_id = excluded.run_id,
status = excluded.status,
stage = excluded.stage,
source = excluded.source,
description = excluded.description,
created_at = excluded.created_at,
updated_at = excluded.updated_at,
tags = excluded.tags
WHERE known.* IS DISTINCT FROM excluded.*;

-- name: forget_model_versions
DELETE FROM mlflow_model_version AS known
WHERE NOT EXISTS (
    SELECT FROM incoming_model_version AS incoming
    WHERE incoming.model_name = known.model_name AND incoming.version = known.version
);

-- name: drop_aliases
-- An alias that began at this very instant and means something else now never had a duration.
DELETE FROM mlflow_alias_history AS known
WHERE
    known.valid_to IS NULL
    AND known.valid_from >= %(at)s
    AND NOT EXISTS (
        SELECT FROM incoming_alias AS incoming
        WHERE
            incoming.model_name = known.model_name
            AND incoming.alias = known.alias
            AND incoming.version = known.version
    );

-- name: close_aliases
UPDATE mlflow_alias_history AS known
SET valid_to = %(at)s
WHERE
    known.valid_to IS NULL
    AND NOT EXISTS (
        SELECT FROM incoming_alias AS incoming
        WHERE
            incoming.model_name = known.model_name
            AND incoming.alias = known.alias
            AND incoming.version = known.version
    );

-- name: open_aliases
INSERT INTO mlflow_alias_history (model_name, alias, version, valid_from)
SELECT DISTINCT ON (incoming.model_name, incoming.alias)
    incoming.model_name,
    incoming.alias,
    incoming.version,
    %(at)s::timestamptz AS valid_from
FROM incoming_alias AS incoming
WHERE NOT EXISTS (
    SELECT FROM mlflow_alias_history AS known
    WHERE
        known.model_name = incoming.model_name
        AND known.alias = incoming.alias
        AND known.valid_to IS NULL
)
ORDER BY incoming.model_name, incoming.alias, incoming.version;

-- name: save_progress
-- A rerun of an earlier extraction does not turn the clock back.
INSERT INTO mlflow_extraction AS known (tracking_server, watermark, full_scan_at)
VALUES (%(server)s, %(watermark)s, %(full_scan_at)s)
ON CONFLICT (tracking_server) DO UPDATE SET
watermark = greatest(known.watermark, excluded.watermark),
full_scan_at = greatest(known.full_scan_at, excluded.full_scan_at),
extracted_at = now();

-- name: gauge_runs
-- The newest finished run of each experiment, and the run behind each alias.
WITH newest AS (
    SELECT DISTINCT ON (experiment_id)
        experiment_id,
        run_id
    FROM mlflow_run
    WHERE status = 'FINISHED' AND lifecycle_stage = 'active' AND ended_at IS NOT NULL
    ORDER BY experiment_id, ended_at DESC, run_id
),

subject AS (
    SELECT
        run_id,
        '' AS model_name,
        '' AS model_version,
        '' AS alias
    FROM newest
    UNION ALL
    SELECT
        version.run_id,
        history.model_name,
        history.version,
        history.alias
    FROM mlflow_alias_history AS history
    INNER JOIN mlflow_model_version AS version
        ON version.model_name = history.model_name AND version.version = history.version
    WHERE history.valid_to IS NULL
)

SELECT
    experiment.name AS experiment,
    subject.model_name,
    subject.model_version,
    subject.alias,
    extract(EPOCH FROM run.ended_at - run.started_at)::double precision AS duration_seconds,
    coalesce(
        (
            SELECT jsonb_object_agg(metric.name, metric.value)
            FROM mlflow_run_metric AS metric
            WHERE metric.run_id = run.run_id AND metric.value IS NOT NULL
        ),
        '{}'
    ) AS metrics
FROM subject
INNER JOIN mlflow_run AS run ON run.run_id = subject.run_id
INNER JOIN mlflow_experiment AS experiment ON experiment.experiment_id = run.experiment_id
WHERE subject.alias <> '' OR experiment.lifecycle_stage = 'active'
ORDER BY subject.alias = '', run.ended_at DESC NULLS LAST, experiment.name, subject.alias;

-- name: gauge_finished
SELECT
    experiment.name,
    run.status,
    count(*)
FROM mlflow_run AS run
INNER JOIN mlflow_experiment AS experiment ON experiment.experiment_id = run.experiment_id
WHERE
    experiment.lifecycle_stage = 'active'
    AND run.status NOT IN ('RUNNING', 'SCHEDULED')
GROUP BY experiment.name, run.status
ORDER BY experiment.name, run.status;

-- name: gauge_experiments
SELECT
    count(*) FILTER (WHERE lifecycle_stage = 'active'),
    count(*)
FROM mlflow_experiment;

-- name: gauge_versions
-- What every alias means; of a model without aliases, its newest version.
SELECT
    version.model_name,
    version.version,
    coalesce(history.alias, '') AS alias
FROM mlflow_model_version AS version
LEFT JOIN mlflow_alias_history AS history
    ON
        history.model_name = version.model_name
        AND history.version = version.version
        AND history.valid_to IS NULL
WHERE
    history.alias IS NOT NULL
    OR (
        NOT EXISTS (
            SELECT FROM mlflow_alias_history AS other
            WHERE other.model_name = version.model_name AND other.valid_to IS NULL
        )
        AND NOT EXISTS (
            SELECT FROM mlflow_model_version AS later
            WHERE
                later.model_name = version.model_name
                -- Numbers of any length, without a cast that a foreign registry could break.
                AND (length(later.version), later.version)
                > (length(version.version), version.version)
        )
    )
ORDER BY version.model_name, alias;
