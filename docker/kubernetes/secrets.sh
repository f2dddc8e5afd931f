#!/bin/sh
# Prints the three Secrets of the namespace, out of what `make secrets` wrote:
#
#   sh docker/kubernetes/secrets.sh | kubectl apply --server-side -n monitoring -f -
#
# Server-side, because the other way keeps a copy of the values in an annotation. Values reach kubectl by
# standard input, never as arguments. Nothing talks to a cluster here. DATABASE_ADDRESS and
# DATABASE_SSLMODE are those of the settings, where they are others than base/settings.env has.
set -eu

here=$(dirname "$0")
env=${1:-$here/../.env}
files=${2:-$here/../secrets}
kubectl=${KUBECTL:-kubectl}
address=${DATABASE_ADDRESS:-postgres:5432}
sslmode=${DATABASE_SSLMODE:-disable}

value() { # name in docker/.env -> its value; the last one counts
    sed -n "s/^$1=//p" "$env" | tail -n 1
}

needed() { # the same, of one that must be there
    found=$(value "$1")
    if [ -z "$found" ]; then
        echo "$env: $1 is missing; run make secrets" >&2
        exit 1
    fi
    printf '%s' "$found"
}

secret() { # name of a Secret; its lines KEY=value by standard input
    "$kubectl" create secret generic "$1" --from-env-file=/dev/stdin --dry-run=client --output=yaml
    echo ---
}

[ -r "$env" ] || { echo "$env: not there; run make secrets" >&2; exit 1; }
umask 077
lines=$(mktemp)
trap 'rm -f "$lines"' EXIT

for name in \
    AIRFLOW_ADMIN_PASSWORD \
    GRAFANA_ADMIN_PASSWORD \
    GRAFANA_SECRET_KEY \
    POSTGRES_PASSWORD \
    POSTGRES_AIRFLOW_PASSWORD \
    POSTGRES_MLFLOW_PASSWORD \
    POSTGRES_MONITORING_EXPORTER_PASSWORD \
    POSTGRES_MONITORING_OWNER_PASSWORD \
    POSTGRES_MONITORING_READER_PASSWORD \
    POSTGRES_MONITORING_WRITER_PASSWORD \
    STORAGE_ADMIN_ACCESS_KEY \
    STORAGE_ADMIN_SECRET_KEY \
    STORAGE_MLFLOW_ACCESS_KEY \
    STORAGE_MLFLOW_SECRET_KEY \
    STORAGE_MONITORING_ACCESS_KEY \
    STORAGE_MONITORING_SECRET_KEY
do
    found=$(needed "$name")
    printf '%s=%s\n' "$name" "$found" >> "$lines"
done
for name in \
    AIRFLOW_CONN_SMTP_DEFAULT \
    MONITORING_ALERT_PAGERDUTY_KEY \
    MONITORING_ALERT_SLACK_URL \
    MONITORING_ALERT_WEBHOOK_TOKEN \
    MONITORING_ALERT_WEBHOOK_URL \
    MONITORING_WEBHOOK_TOKEN \
    MONITORING_WEBHOOK_URL \
    SMTP_PASSWORD
do
    found=$(value "$name")
    [ -z "$found" ] || printf '%s=%s\n' "$name" "$found" >> "$lines"
done
secret monitoring < "$lines"

# The names of these keys are the Airflow chart's.
password=$(needed POSTGRES_AIRFLOW_PASSWORD)
fernet=$(needed AIRFLOW_FERNET_KEY)
session=$(needed AIRFLOW_SECRET_KEY)
jwt=$(needed AIRFLOW_JWT_SECRET)
secret airflow <<END
connection=postgresql+psycopg2://airflow:$password@$address/airflow?sslmode=$sslmode
fernet-key=$fernet
api-secret-key=$session
jwt-secret=$jwt
END

"$kubectl" create secret generic alertmanager --dry-run=client --output=yaml \
    --from-file=smtp_password="$files/smtp_password" \
    --from-file=slack_url="$files/slack_url" \
    --from-file=pagerduty_routing_key="$files/pagerduty_routing_key" \
    --from-file=webhook_token="$files/webhook_token"
