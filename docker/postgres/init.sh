#!/bin/sh
# Makes the three databases with their owners, the roles of sql/roles.sql and that of the exporter. The
# image of Postgres runs this once, over its socket, when the volume is new; a change of a password is
# `monitoring-jobs stack rotate`. Passwords come from the environment: no command line shows them.
set -eu

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=postgres --dbname=postgres <<'SQL'
\getenv airflow POSTGRES_AIRFLOW_PASSWORD
\getenv mlflow POSTGRES_MLFLOW_PASSWORD
CREATE ROLE airflow LOGIN PASSWORD :'airflow';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow';
CREATE DATABASE airflow OWNER airflow;
CREATE DATABASE mlflow OWNER mlflow;
CREATE DATABASE monitoring;
-- Each user sees its own database.
REVOKE CONNECT, TEMPORARY ON DATABASE airflow, mlflow, monitoring FROM PUBLIC;
SQL

psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --username=postgres --dbname=monitoring <<'SQL'
\i /opt/monitoring/roles.sql
\getenv owner POSTGRES_MONITORING_OWNER_PASSWORD
\getenv writer POSTGRES_MONITORING_WRITER_PASSWORD
\getenv reader POSTGRES_MONITORING_READER_PASSWORD
\getenv exporter POSTGRES_MONITORING_EXPORTER_PASSWORD
ALTER ROLE monitoring_owner PASSWORD :'owner';
ALTER ROLE monitoring_writer PASSWORD :'writer';
ALTER ROLE monitoring_reader PASSWORD :'reader';
CREATE ROLE monitoring_exporter LOGIN PASSWORD :'exporter';
GRANT pg_monitor TO monitoring_exporter;
GRANT CONNECT ON DATABASE airflow, mlflow, monitoring TO monitoring_exporter;
ALTER DATABASE monitoring OWNER TO monitoring_owner;
SQL
