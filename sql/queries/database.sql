-- Connections, COPY and the schema's revision.

-- name: prepare_transaction
SELECT
    set_config('search_path', 'monitoring', true),
    set_config('timezone', 'UTC', true),
    set_config('statement_timeout', %(statement_timeout)s::text, true),
    set_config('lock_timeout', %(lock_timeout)s::text, true),
    set_config('idle_in_transaction_session_timeout', %(idle_timeout)s::text, true);

-- name: copy_rows
COPY {table} ({columns}) FROM STDIN;

-- name: has_revision
SELECT to_regclass('monitoring.alembic_version') IS NOT NULL;

-- name: revision
SELECT max(version_num) FROM monitoring.alembic_version;
