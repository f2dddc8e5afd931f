#!/bin/sh
# What the official image's entry point does for a user other than root: options are the server's.
case "$1" in
-* | *.conf) set -- redis-server "$@" ;;
esac
exec "$@"
