#!/bin/sh
# SeaweedFS with three identities whose keys come from the environment: the administrator, MLflow and
# the jobs, each of the last two in its own bucket. Only S3 listens to others: the servers behind it
# would give everything to whoever asks, without any key.
set -eu

umask 077
cat > /tmp/identities.json <<END
{"identities": [
  {"name": "admin",
   "credentials": [{"accessKey": "$STORAGE_ADMIN_ACCESS_KEY", "secretKey": "$STORAGE_ADMIN_SECRET_KEY"}],
   "actions": ["Admin"]},
  {"name": "mlflow",
   "credentials": [{"accessKey": "$STORAGE_MLFLOW_ACCESS_KEY", "secretKey": "$STORAGE_MLFLOW_SECRET_KEY"}],
   "actions": ["Read:mlflow", "Write:mlflow", "List:mlflow", "Tagging:mlflow"]},
  {"name": "monitoring",
   "credentials": [{"accessKey": "$STORAGE_MONITORING_ACCESS_KEY", "secretKey": "$STORAGE_MONITORING_SECRET_KEY"}],
   "actions": ["Read:monitoring", "Write:monitoring", "List:monitoring", "Tagging:monitoring"]}
]}
END

exec weed -logtostderr=true server \
    -dir=/data \
    -ip=127.0.0.1 -ip.bind=127.0.0.1 -s3.ip.bind=0.0.0.0 \
    -master.telemetry=false \
    -master.volumeSizeLimitMB=1024 -volume.max=0 -volume.port=9340 -volume.preStopSeconds=1 \
    -filer=true \
    -s3=true -s3.port=8333 -s3.port.iceberg=0 -s3.port.lance=0 \
    -s3.config=/tmp/identities.json -s3.autoCreateBucket=false
