"""Grafana's ids of those units that do not say what they look like."""

from __future__ import annotations

# Windows begin and end at whole minutes.
INSTANT = "time:YYYY-MM-DD HH:mm"
FROM_NOW = "dateTimeFromNow"  # in 13 hours, 2 hours ago
# 2,345: ``short`` would make 2.35 K of it.
COUNT = "locale"
