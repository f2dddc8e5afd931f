"""The alert rules that Grafana evaluates: what needs the history that only Postgres has."""

import monitoring_dashboards  # noqa: F401  silences what the SDK warns of when it is imported first
