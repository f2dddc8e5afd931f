SET LOCAL search_path = monitoring;

ALTER TABLE evaluation ADD COLUMN due_at timestamptz;
ALTER TABLE evaluation_attempt ADD COLUMN duration_seconds double precision;

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

-- What dashboards ask over long times and many monitors (docs/decisions/0016-dashboard-views.md):
-- what is not ok, and what is said of windows as a whole. Few measurements are either.
CREATE INDEX measurement_not_ok
    ON measurement (monitor, window_start, window_end, status) WHERE status <> 'ok';
CREATE INDEX measurement_of_windows
    ON measurement (metric, window_start, monitor) WHERE column_name = '';
-- With the reference, so that its changes are found in the index alone.
DROP INDEX evaluation_newest;
CREATE INDEX evaluation_newest
    ON evaluation (monitor, window_end DESC, window_start DESC) INCLUDE (status, reference_id);
