#!/bin/sh
# What the image's entry point adds to `weed server` for a user other than root; all else is as given.
case "$1" in
server)
    shift
    set -- server -dir=/data -volume.max=0 -master.volumePreallocate \
        -master.volumeSizeLimitMB=1024 "$@"
    ;;
esac
exec weed "$@"
