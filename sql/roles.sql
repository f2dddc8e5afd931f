-- The three roles. None has a password here: until an administrator gives one (\password in psql),
-- nobody can log in with it.
--   monitoring_owner   owns the schema; migrates
--   monitoring_writer  writes results, runs maintenance; nothing else
--   monitoring_reader  reads the views; what Grafana logs in as
-- Roles belong to the whole server, so they are only ever created, never changed or dropped. Where
-- the current user may not create roles, a warning says which are missing.
DO $$
DECLARE
    may_create CONSTANT boolean := (
        SELECT rolsuper OR rolcreaterole FROM pg_catalog.pg_roles WHERE rolname = current_user
    );
    missing text[] := '{}';
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['monitoring_owner', 'monitoring_writer', 'monitoring_reader'] LOOP
        CONTINUE WHEN to_regrole(role) IS NOT NULL;
        IF NOT may_create THEN
            missing := missing || role;
            CONTINUE;
        END IF;
        BEGIN
            EXECUTE format('CREATE ROLE %I LOGIN NOINHERIT', role);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            CONTINUE;  -- a migration of another database on this server was faster
        END;
        IF role = 'monitoring_owner' THEN
            -- From Postgres 16 on, who makes a role may give it away but not take it on.
            IF NOT pg_has_role(
                current_user, role,
                CASE
                    WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET'
                    ELSE 'MEMBER'
                END
            ) THEN
                EXECUTE format('GRANT %I TO CURRENT_USER', role);
            END IF;
        ELSIF role = 'monitoring_reader' THEN
            ALTER ROLE monitoring_reader SET default_transaction_read_only = on;
            ALTER ROLE monitoring_reader SET statement_timeout = '30s';
            ALTER ROLE monitoring_reader SET idle_in_transaction_session_timeout = '60s';
            ALTER ROLE monitoring_reader SET search_path = monitoring;
            -- Plans over many partitions look dear, and compiling one takes longer than running it.
            ALTER ROLE monitoring_reader SET jit = off;
        END IF;
    END LOOP;
    IF missing <> '{}' THEN
        RAISE WARNING 'roles % do not exist and % may not create them; an administrator can, with sql/roles.sql, then migrate again',
            array_to_string(missing, ', '), current_user;
    END IF;
    -- The owner makes the schema; the writer stages what it upserts in temporary tables.
    IF (
        SELECT pg_has_role(current_user, datdba, 'USAGE')
        FROM pg_catalog.pg_database WHERE datname = current_database()
    ) THEN
        IF
            to_regrole('monitoring_owner') IS NOT NULL
            AND NOT has_database_privilege('monitoring_owner', current_database(), 'CREATE')
        THEN
            EXECUTE format('GRANT CREATE ON DATABASE %I TO monitoring_owner', current_database());
        END IF;
        FOREACH role IN ARRAY ARRAY['monitoring_owner', 'monitoring_writer', 'monitoring_reader'] LOOP
            CONTINUE WHEN to_regrole(role) IS NULL;
            IF NOT has_database_privilege(role, current_database(), 'CONNECT') THEN
                EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role);
            END IF;
            IF
                role = 'monitoring_writer'
                AND NOT has_database_privilege(role, current_database(), 'TEMPORARY')
            THEN
                EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO %I', current_database(), role);
            END IF;
        END LOOP;
    END IF;
END
$$;
