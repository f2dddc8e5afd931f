-- Who may do what; run by the owner of the schema after every migration.
DO $$
DECLARE
    relation record;
BEGIN
    REVOKE ALL ON SCHEMA monitoring FROM PUBLIC;
    IF to_regrole('monitoring_writer') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA monitoring TO monitoring_writer;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA monitoring TO monitoring_writer;
    END IF;
    IF to_regrole('monitoring_reader') IS NOT NULL THEN
        GRANT USAGE ON SCHEMA monitoring TO monitoring_reader;
    END IF;
    -- Rights on a partitioned table cover its partitions.
    FOR relation IN
        SELECT relname, relkind = 'v' AS is_view
        FROM pg_catalog.pg_class
        WHERE
            relnamespace = 'monitoring'::regnamespace
            AND relkind IN ('r', 'p', 'v')
            AND NOT relispartition
    LOOP
        IF relation.is_view AND to_regrole('monitoring_reader') IS NOT NULL THEN
            EXECUTE format('GRANT SELECT ON monitoring.%I TO monitoring_reader', relation.relname);
        END IF;
        CONTINUE WHEN to_regrole('monitoring_writer') IS NULL;
        EXECUTE format('GRANT SELECT ON monitoring.%I TO monitoring_writer', relation.relname);
        CONTINUE WHEN relation.is_view OR relation.relname = 'alembic_version';
        EXECUTE format('GRANT INSERT ON monitoring.%I TO monitoring_writer', relation.relname);
        -- An attempt once written stays as it is.
        CONTINUE WHEN relation.relname = 'evaluation_attempt';
        EXECUTE format(
            'GRANT UPDATE, DELETE ON monitoring.%I TO monitoring_writer', relation.relname
        );
    END LOOP;
END
$$;
