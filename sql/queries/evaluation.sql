-- How an evaluation is written: all of it in one transaction.

-- name: lock
-- Two attempts at one window write one after the other.
SELECT pg_advisory_xact_lock(
    hashtextextended(concat_ws(E'\n', 'evaluation', %(monitor)s, %(window)s), 0)
);

-- name: current_computed_at
SELECT computed_at
FROM evaluation
WHERE
    monitor = %(monitor)s
    AND window_start = %(window_start)s
    AND window_end = %(window_end)s;

-- name: delete_measurements
DELETE FROM measurement
WHERE
    monitor = %(monitor)s
    AND window_start = %(window_start)s
    AND window_end = %(window_end)s;

-- name: delete_evaluation
DELETE FROM evaluation
WHERE
    monitor = %(monitor)s
    AND window_start = %(window_start)s
    AND window_end = %(window_end)s;

-- name: note_present
-- What writes results is no monitor of the past.
DELETE FROM removed_monitor WHERE monitor = %(monitor)s;

-- name: add_attempt
-- Publishing one attempt twice is one attempt.
INSERT INTO evaluation_attempt (
    monitor, window_start, window_end, attempt, computed_at, outcome, status, error, dag_id,
    dag_run_id, duration_seconds
) VALUES (
    %(monitor)s, %(window_start)s, %(window_end)s, %(attempt)s, %(computed_at)s,
    %(outcome)s, %(status)s, %(error)s, %(dag_id)s, %(dag_run_id)s,
    %(duration_seconds)s
)
ON CONFLICT DO NOTHING;

-- name: keep_address
-- An address seldom changes. As long as it does not, nothing is locked: evaluations that are
-- written at once would wait for each other.
INSERT INTO address (name, url)
SELECT
    %(name)s,
    %(url)s
WHERE NOT EXISTS (SELECT 1 FROM address WHERE name = %(name)s AND url = %(url)s)
ON CONFLICT (name) DO UPDATE SET url = excluded.url;
