-- What migrate does around the migrations, all in one transaction.

-- name: lock
-- One migration at a time in this database; a second one waits, then finds nothing to do.
SELECT pg_advisory_xact_lock(hashtextextended('monitoring-jobs migrate', 0));

-- name: become_owner
-- The owner of the schema owns what is new in it; monitoring_owner owns a schema that is new.
SELECT set_config('role', owner.rolname, true)
FROM pg_roles AS owner
LEFT JOIN pg_namespace AS existing ON existing.nspname = 'monitoring'
WHERE
    pg_has_role(
        current_user, owner.oid,
        CASE
            WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET'
            ELSE 'MEMBER'
        END
    )
    AND owner.rolname <> current_user
    AND CASE
        WHEN existing.oid IS NOT NULL THEN existing.nspowner = owner.oid
        ELSE
            owner.rolname = 'monitoring_owner'
            AND has_database_privilege(owner.oid, current_database(), 'CREATE')
    END;

-- name: create_schema
DO $$
BEGIN
    -- CREATE SCHEMA IF NOT EXISTS asks for the right to create one even where it exists.
    IF to_regnamespace('monitoring') IS NULL THEN
        CREATE SCHEMA monitoring;
    END IF;
END
$$;
