-- What the report browser reads, as monitoring_reader: views only. Lists walk an index to what they
-- show, so that a page costs the same however many windows were judged.

-- name: standings
-- Each monitor's newest window that ends within the span, and what failed after it. From one
-- monitor to the next in one step of the index, whatever lies between.
WITH RECURSIVE judged AS (
    (
        SELECT
            monitor,
            status,
            owner,
            model_name,
            window_end,
            written_at
        FROM evaluations
        ORDER BY monitor, window_end DESC, window_start DESC
        LIMIT 1
    )
    UNION ALL
    SELECT following.*
    FROM judged
    CROSS JOIN LATERAL (
        SELECT
            evaluations.monitor,
            evaluations.status,
            evaluations.owner,
            evaluations.model_name,
            evaluations.window_end,
            evaluations.written_at
        FROM evaluations
        WHERE evaluations.monitor > judged.monitor
        ORDER BY evaluations.monitor, evaluations.window_end DESC, evaluations.window_start DESC
        LIMIT 1
    ) AS following
),

tried AS (
    (
        SELECT
            monitor,
            window_end,
            recorded_at
        FROM attempts
        WHERE outcome = 'error'
        ORDER BY monitor, window_end DESC, recorded_at DESC
        LIMIT 1
    )
    UNION ALL
    SELECT following.*
    FROM tried
    CROSS JOIN LATERAL (
        SELECT
            attempts.monitor,
            attempts.window_end,
            attempts.recorded_at
        FROM attempts
        WHERE attempts.outcome = 'error' AND attempts.monitor > tried.monitor
        ORDER BY attempts.monitor, attempts.window_end DESC, attempts.recorded_at DESC
        LIMIT 1
    ) AS following
),

newest AS (
    SELECT *
    FROM judged
    WHERE window_end > %(ended_after)s AND window_end <= %(ended_by)s
    UNION ALL
    SELECT latest.*
    FROM judged
    CROSS JOIN LATERAL (
        SELECT
            evaluations.monitor,
            evaluations.status,
            evaluations.owner,
            evaluations.model_name,
            evaluations.window_end,
            evaluations.written_at
        FROM evaluations
        WHERE
            evaluations.monitor = judged.monitor
            AND judged.window_end > %(ended_by)s
            AND evaluations.window_end > %(ended_after)s
            AND evaluations.window_end <= %(ended_by)s
        ORDER BY evaluations.window_end DESC, evaluations.window_start DESC
        LIMIT 1
    ) AS latest
),

failed AS (
    SELECT *
    FROM tried
    WHERE window_end > %(ended_after)s AND window_end <= %(ended_by)s
    UNION ALL
    SELECT latest.*
    FROM tried
    CROSS JOIN LATERAL (
        SELECT
            attempts.monitor,
            attempts.window_end,
            attempts.recorded_at
        FROM attempts
        WHERE
            attempts.monitor = tried.monitor
            AND attempts.outcome = 'error'
            AND tried.window_end > %(ended_by)s
            AND attempts.window_end > %(ended_after)s
            AND attempts.window_end <= %(ended_by)s
        ORDER BY attempts.window_end DESC, attempts.recorded_at DESC
        LIMIT 1
    ) AS latest
)

SELECT
    COALESCE(newest.monitor, failed.monitor) AS monitor,
    newest.status,
    COALESCE(newest.owner, '') AS owner,
    newest.model_name,
    CASE
        WHEN newest.monitor IS NULL THEN failed.recorded_at
        WHEN
            failed.window_end >= newest.window_end AND failed.recorded_at > newest.written_at
            THEN failed.recorded_at
    END AS failed_at
FROM newest
FULL OUTER JOIN failed ON failed.monitor = newest.monitor;

-- name: failed_at
-- When an execution for a monitor's newest window or a later one failed; no row where something
-- was written since.
SELECT tried.recorded_at
FROM (
    SELECT
        window_end,
        recorded_at
    FROM attempts
    WHERE monitor = %(monitor)s AND outcome = 'error'
    ORDER BY window_end DESC, recorded_at DESC
    LIMIT 1
) AS tried
LEFT JOIN (
    SELECT
        window_end,
        written_at
    FROM evaluations
    WHERE monitor = %(monitor)s
    ORDER BY window_end DESC, window_start DESC
    LIMIT 1
) AS newest ON TRUE
WHERE
    newest.window_end IS NULL
    OR (tried.window_end >= newest.window_end AND tried.recorded_at > newest.written_at);

-- name: newest_evaluations
-- The newest window of some monitors that ends within the span.
SELECT latest.*
FROM UNNEST(%(monitors)s::text []) AS wanted (monitor)
CROSS JOIN LATERAL (
    SELECT {columns}
    FROM evaluations
    WHERE
        evaluations.monitor = wanted.monitor
        AND evaluations.window_end > %(ended_after)s
        AND evaluations.window_end <= %(ended_by)s
    ORDER BY evaluations.window_end DESC, evaluations.window_start DESC
    LIMIT 1
) AS latest;

-- name: trends
-- The last windows of some monitors that end within the span, newest first.
SELECT last_windows.*
FROM UNNEST(%(monitors)s::text []) AS wanted (monitor)
CROSS JOIN LATERAL (
    SELECT
        evaluations.monitor,
        evaluations.window_start,
        evaluations.window_end,
        evaluations.status
    FROM evaluations
    WHERE
        evaluations.monitor = wanted.monitor
        AND evaluations.window_end > %(ended_after)s
        AND evaluations.window_end <= %(ended_by)s
    ORDER BY evaluations.window_end DESC, evaluations.window_start DESC
    LIMIT %(limit)s
) AS last_windows;

-- name: evaluations
-- Judged windows of all monitors, newest first, behind a position. What shares the position's end
-- is read apart from what ended earlier, for each of both is a range of the index.
SELECT {columns}
FROM (
    (
        SELECT *
        FROM evaluations
        WHERE
            window_end = %(position_end)s
            AND (monitor, window_start) > (%(position_monitor)s, %(position_start)s)
            AND window_end > %(ended_after)s
            AND {filters}
        ORDER BY monitor, window_start
        LIMIT %(limit)s
    )
    UNION ALL
    (
        SELECT *
        FROM evaluations
        WHERE
            window_end < %(position_end)s
            AND window_end > %(ended_after)s
            AND {filters}
        ORDER BY window_end DESC, monitor, window_start
        LIMIT %(limit)s
    )
) AS evaluations
ORDER BY window_end DESC, monitor, window_start
LIMIT %(limit)s;

-- name: filters
(
    STRPOS(LOWER(monitor), LOWER(%(text)s)) > 0
    AND STRPOS(LOWER(COALESCE(model_name, '')), LOWER(%(model)s)) > 0
    AND STRPOS(LOWER(owner), LOWER(%(owner)s)) > 0
    AND (%(status)s = '' OR status = %(status)s)
)

-- name: windows
-- Judged windows of one monitor, newest first, behind a position.
SELECT {columns}
FROM evaluations
WHERE
    monitor = %(monitor)s
    AND (window_end, window_start) < (%(position_end)s, %(position_start)s)
    AND window_end > %(ended_after)s
    AND (%(status)s = '' OR status = %(status)s)
ORDER BY window_end DESC, window_start DESC
LIMIT %(limit)s;

-- name: evaluation
SELECT {columns}
FROM evaluations
WHERE
    monitor = %(monitor)s
    AND window_start = %(window_start)s
    AND window_end = %(window_end)s;

-- name: columns
evaluations.monitor,
evaluations.window_start,
evaluations.window_end,
evaluations.status,
evaluations.owner,
evaluations.model_name,
evaluations.model_version,
evaluations.model_alias,
evaluations.rows_current,
evaluations.rows_reference,
evaluations.rows_sampled,
evaluations.reference_id,
evaluations.spec_hash,
evaluations.code_version,
evaluations.attempt,
evaluations.computed_at,
evaluations.duration_seconds,
evaluations.peak_memory_bytes,
evaluations.report,
evaluations.dag_id,
evaluations.dag_run_id

-- name: tallies
-- How many measurements of one evaluation there are of each kind.
SELECT
    segment,
    check_name,
    status,
    COUNT(*) AS measurements
FROM measurements
WHERE
    monitor = %(monitor)s
    AND window_start = %(window_start)s
    AND window_end = %(window_end)s
GROUP BY segment, check_name, status;

-- name: measurements
-- One evaluation's measurements: what asks for attention first, the whole window before segments.
SELECT
    check_name,
    metric,
    column_name,
    segment,
    value,
    threshold,
    status,
    detail
FROM measurements
WHERE
    monitor = %(monitor)s
    AND window_start = %(window_start)s
    AND window_end = %(window_end)s
    AND status = ANY(%(statuses)s::text [])
    AND (%(check)s = '' OR check_name = %(check)s)
    AND (%(segment)s::text IS NULL OR segment = %(segment)s)
    AND STRPOS(LOWER(column_name), LOWER(%(column)s)) > 0
ORDER BY
    ARRAY_POSITION(%(order)s::text [], status),
    segment COLLATE "C",
    check_name COLLATE "C",
    column_name COLLATE "C",
    metric COLLATE "C"
LIMIT %(limit)s OFFSET %(offset)s;

-- name: lacks
-- Why measurements of one evaluation lack data, and how many of which check, most first.
SELECT
    check_name,
    COALESCE(detail ->> 'reason', '') AS reason,
    COUNT(*) AS measurements
FROM measurements
WHERE
    monitor = %(monitor)s
    AND window_start = %(window_start)s
    AND window_end = %(window_end)s
    AND status = 'insufficient_data'
GROUP BY check_name, COALESCE(detail ->> 'reason', '')
ORDER BY COUNT(*) DESC, check_name COLLATE "C", COALESCE(detail ->> 'reason', '') COLLATE "C";

-- name: attempt
attempts.monitor,
attempts.window_start,
attempts.window_end,
attempts.outcome,
attempts.error,
attempts.recorded_at,
attempts.dag_id,
attempts.dag_run_id

-- name: failed_attempts
-- What went wrong for a monitor lately, the newest windows first.
SELECT {attempt}
FROM attempts
WHERE monitor = %(monitor)s AND outcome = 'error'
ORDER BY window_end DESC, recorded_at DESC
LIMIT %(limit)s;

-- name: window_attempts
-- Every execution for one window, newest first.
SELECT {attempt}
FROM attempts
WHERE
    monitor = %(monitor)s
    AND window_start = %(window_start)s
    AND window_end = %(window_end)s
ORDER BY id DESC
LIMIT %(limit)s;

-- name: run_attempts
-- What one Dag run did, the newest windows first.
SELECT {attempt}
FROM attempts
WHERE dag_id = %(dag_id)s AND dag_run_id = %(dag_run_id)s
ORDER BY window_end DESC, window_start DESC, id DESC
LIMIT %(limit)s;

-- name: windows_of
-- The evaluations that some windows of one monitor have now.
SELECT {columns}
FROM evaluations
INNER JOIN
    UNNEST(%(starts)s::timestamptz [], %(ends)s::timestamptz []) AS wanted (starts, ends)
    ON wanted.starts = evaluations.window_start AND wanted.ends = evaluations.window_end
WHERE evaluations.monitor = %(monitor)s
ORDER BY evaluations.window_end DESC, evaluations.window_start DESC;
