"""The dashboards and alert rules as Grafana runs them, against a real Postgres and Prometheus."""
