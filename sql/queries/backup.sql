-- What backup and restore ask of a database. A restore is one transaction.

-- name: server
SELECT
    current_setting('server_version') AS version,
    current_setting('server_version_num')::integer / 10000 AS major,
    pg_database_size(current_database()) AS bytes;

-- name: may_dump
-- The first table of the schema that this user may not read, if there is one.
SELECT format('%%I.%%I', nspname, relname)
FROM pg_class
INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE
    relkind IN ('r', 'p', 'v', 'm', 'S')
    AND nspname NOT IN ('information_schema', 'pg_catalog', 'pg_toast')
    AND nspname NOT LIKE 'pg\_temp\_%%'
    AND nspname NOT LIKE 'pg\_toast\_temp\_%%'
    AND (%(schema)s::text IS NULL OR nspname = %(schema)s)
    AND NOT CASE
        WHEN relkind = 'S' THEN has_sequence_privilege(pg_class.oid, 'SELECT')
        ELSE has_table_privilege(pg_class.oid, 'SELECT')
    END
ORDER BY nspname, relname
LIMIT 1;

-- name: tables
-- Partitions are read through their table; migrations fill the tables of their own revision.
SELECT format('%%I.%%I', nspname, relname)
FROM pg_class
INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE
    relkind IN ('r', 'p')
    AND NOT relispartition
    AND relname NOT LIKE 'alembic\_version%%'
    AND nspname NOT IN ('information_schema', 'pg_catalog', 'pg_toast')
    AND nspname NOT LIKE 'pg\_temp\_%%'
    AND (%(schema)s::text IS NULL OR nspname = %(schema)s)
ORDER BY nspname, relname;

-- name: has_rows
SELECT EXISTS (SELECT FROM {table});

-- name: dependents
-- What others have built on the schema: it would go with it, and is in no backup of it.
SELECT format('%%I.%%I', nspname, pg_class.relname)
FROM pg_depend
LEFT JOIN pg_rewrite ON pg_rewrite.oid = objid AND classid = 'pg_rewrite'::regclass
LEFT JOIN pg_constraint ON pg_constraint.oid = objid AND classid = 'pg_constraint'::regclass
INNER JOIN pg_class
    ON pg_class.oid = coalesce(
        pg_rewrite.ev_class,
        pg_constraint.conrelid,
        CASE WHEN classid = 'pg_class'::regclass THEN objid END
    )
INNER JOIN pg_namespace ON pg_namespace.oid = pg_class.relnamespace
WHERE
    refclassid = 'pg_class'::regclass
    AND refobjid IN (SELECT oid FROM pg_class WHERE relnamespace = to_regnamespace(%(schema)s))
    AND nspname <> %(schema)s
    AND nspname NOT LIKE 'pg\_%%'
ORDER BY nspname, pg_class.relname
LIMIT 1;

-- name: drop_schema
DROP SCHEMA IF EXISTS monitoring CASCADE;

-- name: drop_everything
-- All that a user has put into this database; the schemas themselves may have other owners.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT
            pg_class.oid::regclass::text AS name,
            CASE relkind
                WHEN 'v' THEN 'VIEW'
                WHEN 'm' THEN 'MATERIALIZED VIEW'
                WHEN 'S' THEN 'SEQUENCE'
                WHEN 'f' THEN 'FOREIGN TABLE'
                WHEN 'c' THEN 'TYPE'
                ELSE 'TABLE'
            END AS kind
        FROM pg_class
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE
            relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
            AND nspname NOT IN ('information_schema', 'pg_catalog', 'pg_toast')
            AND nspname NOT LIKE 'pg\_temp\_%'
            AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE objid = pg_class.oid AND classid = 'pg_class'::regclass AND deptype IN ('e', 'i')
            )
        ORDER BY relkind DESC
    LOOP
        -- What an earlier CASCADE has taken along is gone by now.
        EXECUTE format('DROP %s IF EXISTS %s CASCADE', found.kind, found.name);
    END LOOP;
    FOR found IN
        SELECT format('%I.%I', nspname, typname) AS name
        FROM pg_type
        INNER JOIN pg_namespace ON pg_namespace.oid = typnamespace
        WHERE
            typtype IN ('d', 'e', 'r')
            AND nspname NOT IN ('information_schema', 'pg_catalog', 'pg_toast')
            AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE objid = pg_type.oid AND classid = 'pg_type'::regclass AND deptype = 'e'
            )
    LOOP
        EXECUTE format('DROP TYPE IF EXISTS %s CASCADE', found.name);
    END LOOP;
    FOR found IN
        SELECT pg_proc.oid::regprocedure::text AS name
        FROM pg_proc
        INNER JOIN pg_namespace ON pg_namespace.oid = pronamespace
        WHERE
            nspname NOT IN ('information_schema', 'pg_catalog', 'pg_toast')
            AND NOT EXISTS (
                SELECT FROM pg_depend
                WHERE objid = pg_proc.oid AND classid = 'pg_proc'::regclass AND deptype IN ('e', 'i')
            )
    LOOP
        EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', found.name);
    END LOOP;
    FOR found IN
        SELECT nspname AS name
        FROM pg_namespace
        WHERE nspname NOT IN ('information_schema', 'public') AND nspname NOT LIKE 'pg\_%'
    LOOP
        EXECUTE format('DROP SCHEMA IF EXISTS %I CASCADE', found.name);
    END LOOP;
    PERFORM lo_unlink(oid) FROM pg_largeobject_metadata;
END
$$;

-- name: shut_functions
-- The dump is restored without rights, and what runs with its owner's rights is nobody else's.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT pg_proc.oid::regprocedure AS name
        FROM pg_proc
        WHERE pronamespace = 'monitoring'::regnamespace AND prosecdef
    LOOP
        EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', found.name);
    END LOOP;
END
$$;

-- name: analyze
-- Nothing else ever does so for partitioned tables, and plans of dashboards need it.
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT pg_class.oid::regclass AS name
        FROM pg_class
        INNER JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE
            relkind IN ('r', 'p', 'm')
            AND NOT relispartition
            AND nspname NOT IN ('information_schema', 'pg_catalog', 'pg_toast')
            AND nspname NOT LIKE 'pg\_temp\_%'
    LOOP
        EXECUTE format('ANALYZE %s', found.name);
    END LOOP;
END
$$;
