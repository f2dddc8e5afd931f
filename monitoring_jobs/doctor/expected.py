"""What a complete set-up holds; a test compares it with the files in docker/ and grafana/."""

from __future__ import annotations

ALERTS = frozenset(
    {
        "DataDriftDetected",
        "HighCPUUsage",
        "HighDriftScore",
        "HighLatency",
        "HighMemoryUsage",
        "HighMissingValues",
        "HighModelLatency",
        "MLflowExperimentFailure",
        "MLflowServerDown",
        "ModelPerformanceDegraded",
        "ModelServerDown",
        "MonitoringJobFailed",
        "MonitoringStale",
        "MultipleDriftedFeatures",
        "PodCrashLooping",
        "PredictionFailureRate",
        "SlowDriftAnalysis",
        "VerdictFailed",
    }
)
"""Alerts of docker/prometheus/rules."""

DASHBOARDS = frozenset(
    {
        "data-drift",
        "evidently-drift",
        "fleet-overview",
        "ml-monitoring",
        "mlflow-metrics",
        "mlflow-model-server",
        "mlops-model-monitoring",
        "operations",
    }
)
"""Uids of grafana/dashboards."""

DATASOURCES = {
    "prometheus-datasource": "MONITORING_PROMETHEUS_URL",
    "postgres-datasource": "MONITORING_READER_HOST and MONITORING_READER_PASSWORD",
    "alertmanager-datasource": "MONITORING_ALERTMANAGER_URL",
}
"""Uids of grafana/provisioning/datasources, and the variables that they are made of."""

DAGS = ("extract_mlflow_runs", "maintain_store")
"""Dags that are there without a monitor file."""
