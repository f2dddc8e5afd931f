#!/bin/sh
# Makes the two buckets, where they are not there yet, by S3 itself. The key goes to curl by standard
# input: no list of processes shows it.
set -eu

for bucket in mlflow monitoring; do
    answer=$(
        curl --silent --show-error --max-time 30 --output /dev/null --write-out '%{http_code}' \
            --aws-sigv4 aws:amz:us-east-1:s3 --request PUT --config - "http://storage:8333/$bucket" <<END
user = "$STORAGE_ADMIN_ACCESS_KEY:$STORAGE_ADMIN_SECRET_KEY"
END
    )
    case "$answer" in
        200) echo "bucket $bucket: made" ;;
        409) echo "bucket $bucket: is there" ;;
        *)
            echo "bucket $bucket: storage answers $answer; see the log of the service storage" >&2
            exit 1
            ;;
    esac
done
