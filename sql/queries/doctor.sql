-- What the doctor asks of the results database. It may be connected as any of the roles.

-- name: time
SELECT clock_timestamp();

-- name: missing_roles
SELECT wanted.name
FROM unnest(ARRAY['monitoring_owner', 'monitoring_writer', 'monitoring_reader']) AS wanted (name)
WHERE to_regrole(wanted.name) IS NULL;

-- name: missing_rights
-- What grants.sql gives to the writer and the reader, and they do not have.
SELECT holder.name || ': ' || needed.privilege || ' on ' || relation.relname
FROM pg_catalog.pg_class AS relation
CROSS JOIN (VALUES ('monitoring_writer'), ('monitoring_reader')) AS holder (name)
CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS needed (privilege)
WHERE
    relation.relnamespace = 'monitoring'::regnamespace
    AND relation.relkind IN ('r', 'p', 'v')
    AND NOT relation.relispartition
    AND to_regrole(holder.name) IS NOT NULL
    AND CASE
        WHEN holder.name = 'monitoring_reader'
            THEN relation.relkind = 'v' AND needed.privilege = 'SELECT'
        WHEN needed.privilege = 'SELECT' THEN true
        WHEN relation.relkind = 'v' OR relation.relname = 'alembic_version' THEN false
        WHEN needed.privilege = 'INSERT' THEN true
        ELSE relation.relname <> 'evaluation_attempt'
    END
    AND NOT (
        has_schema_privilege(holder.name, 'monitoring', 'USAGE')
        AND has_table_privilege(holder.name, relation.oid, needed.privilege)
    )
ORDER BY 1;

-- name: excessive_rights
-- What would let the dashboards' role change what it shows.
SELECT held.privilege || ' on ' || relation.relname
FROM pg_catalog.pg_class AS relation
CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS held (privilege)
WHERE
    relation.relnamespace = 'monitoring'::regnamespace
    AND relation.relkind IN ('r', 'p')
    AND to_regrole('monitoring_reader') IS NOT NULL
    AND has_table_privilege('monitoring_reader', relation.oid, held.privilege)
ORDER BY 1;

-- name: months
-- The months (UTC), from this one on, that should have a partition, and whether they do.
SELECT
    to_char(month, 'YYYY-MM'),
    EXISTS (
        SELECT 1
        FROM pg_catalog.pg_inherits AS child
        INNER JOIN pg_catalog.pg_class AS partition ON partition.oid = child.inhrelid
        WHERE
            child.inhparent = 'monitoring.measurement'::regclass
            AND partition.relname = 'measurement_' || to_char(month, 'YYYY_MM')
    )
FROM
    generate_series(
        date_trunc('month', now()), date_trunc('month', now()) + interval '1 month',
        interval '1 month'
    ) AS month
ORDER BY 1;

-- name: caught_months
-- The months whose measurements lie in the default partition, which only the writer may ask.
SELECT to_char(month, 'YYYY-MM') FROM months_without_partition() AS month;

-- name: newest_evaluation
SELECT max(computed_at) FROM evaluations;

-- name: try_to_write
-- As the reader, who must be refused; if he is not, nothing is deleted.
DELETE FROM evaluation WHERE false;
