#!/usr/bin/env bash
# What the official image's entry point does for a user other than root: on an empty folder it makes
# the cluster, runs /docker-entrypoint-initdb.d against a server that only the socket reaches, then
# becomes the server.
set -eu

from_file() {
    local file="${1}_FILE"
    if [ -n "${!file:-}" ]; then
        export "$1"="$(< "${!file}")"
        unset "$file"
    fi
}

initialize() {
    # shellcheck disable=SC2086 # the options are words
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD") \
        ${POSTGRES_INITDB_ARGS:-} -D "$PGDATA"
    printf '\nhost all all all %s\n' "${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" \
        >> "$PGDATA/pg_hba.conf"
    pg_ctl -D "$PGDATA" -o "-c listen_addresses='' -c unix_socket_directories=$sockets" -w start
    export PGPASSWORD="$POSTGRES_PASSWORD" PGHOST=/var/run/postgresql
    if [ "$POSTGRES_DB" != postgres ]; then
        psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
            -c "CREATE DATABASE \"$POSTGRES_DB\""
    fi
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        case "$file" in
        *.sh) if [ -x "$file" ]; then "$file"; else (. "$file"); fi ;;
        *.sql)
            psql -v ON_ERROR_STOP=1 --no-password --username "$POSTGRES_USER" \
                --dbname "$POSTGRES_DB" -f "$file"
            ;;
        esac
    done
    unset PGPASSWORD PGHOST
    pg_ctl -D "$PGDATA" -m fast -w stop
}

# The programs of the wheel look for the socket in /tmp, those of the image in /var/run/postgresql.
sockets=/var/run/postgresql
[ ! -w /tmp ] || sockets=$sockets,/tmp

[ "${1#-}" = "$1" ] || set -- postgres "$@"
if [ "$1" = postgres ]; then
    mkdir -p "$PGDATA"
    chmod 00700 "$PGDATA" || :
    if [ ! -s "$PGDATA/PG_VERSION" ]; then
        from_file POSTGRES_PASSWORD
        from_file POSTGRES_USER
        from_file POSTGRES_DB
        export POSTGRES_USER="${POSTGRES_USER:-postgres}"
        export POSTGRES_DB="${POSTGRES_DB:-$POSTGRES_USER}"
        [ -n "${POSTGRES_PASSWORD:-}" ] || { echo "POSTGRES_PASSWORD is not set" >&2; exit 1; }
        initialize
    fi
    # The image's own configuration says so; the command may say otherwise.
    shift
    set -- postgres -c "listen_addresses=*" -c "unix_socket_directories=$sockets" "$@"
fi
exec "$@"
