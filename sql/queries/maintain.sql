-- Maintenance, with the rights of monitoring_writer: see the functions in schema.sql.

-- name: create_partition
SELECT create_measurement_partition(%(month)s);

-- name: months_without_partition
SELECT month FROM months_without_partition() AS month;

-- name: forget_windows_before
SELECT partitions, evaluations FROM forget_windows_before(%(month)s);

-- name: note_removed_monitors
INSERT INTO removed_monitor (monitor)
SELECT DISTINCT monitor
FROM evaluation_attempt
WHERE monitor <> ALL(%(present)s)
ON CONFLICT DO NOTHING;

-- name: note_present_monitors
DELETE FROM removed_monitor WHERE monitor = ANY(%(present)s);

-- name: monitors
SELECT DISTINCT monitor FROM evaluation_attempt ORDER BY monitor;
