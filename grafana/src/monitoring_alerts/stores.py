"""Rules about what the monitors stand on: the results database, the extraction, Prometheus."""

from __future__ import annotations

from monitoring_alerts.rule import Panel, Rule
from monitoring_dashboards.addresses import AIRFLOW
from monitoring_dashboards.targets import Target, instant, sql

_DATABASE = Panel("operations", "Results database")
_DASHBOARD = {"dashboard_url": "{grafana}d/operations"}
# Maintenance runs nightly: what a fresh installation or a backfill leaves is its to mend.
_A_NIGHT = "26h"


def _of(view: str, label: str | None = None, **numbers: str) -> dict[str, Target]:
    """Return queries of a view, with an alert for each value of its column ``label``."""
    airflow = f"{AIRFLOW} AS airflow_url"
    labels = [label, airflow] if label else [airflow]
    columns = {
        name: ",\n    ".join([*labels, f"({number})::double precision AS value"])
        for name, number in numbers.items()
    }
    return {name: sql(f"SELECT\n    {column}\nFROM {view}") for name, column in columns.items()}


def _links(dag: str) -> dict[str, str]:
    return {**_DASHBOARD, "dag_url": f"{{airflow_url}}dags/{dag}"}


WITHOUT_PARTITION = Rule(
    name="MeasurementsWithoutPartition",
    severity="warning",
    component="storage",
    labels=("airflow_url",),
    numbers=_of("storage", value="default_rows", threshold="0"),
    comparison=">",
    summary="{value} measurements lie outside every monthly partition",
    description="{value} measurements are in the default partition (more than {threshold} for "
    "a day raise this alert), where they slow every query down and no retention reaches them. The "
    "Dag maintain_store moves them; see why it has not.",
    panel=_DATABASE,
    links=_links("maintain_store"),
    pending=_A_NIGHT,
)

# Maintenance makes three months ahead every night, so this is a month of nights that failed.
PARTITIONS_RUN_OUT = Rule(
    name="PartitionsRunningOut",
    severity="warning",
    component="storage",
    labels=("airflow_url",),
    numbers=_of(
        "storage",
        value="GREATEST(COALESCE(EXTRACT(EPOCH FROM covered_until - NOW()) / 86400, 0), 0)",
        threshold="31",
    ),
    comparison="<",
    summary="monthly partitions for {value} more days",
    description="The monthly partitions of measurements reach {value} days ahead (less than "
    "{threshold} for a day raise this alert). The Dag maintain_store makes them; see why it has "
    "not.",
    panel=_DATABASE,
    links=_links("maintain_store"),
    pending=_A_NIGHT,
)

# A day and two hours: the extraction may be hourly or daily.
EXTRACTION_STALE = Rule(
    name="ExtractionStale",
    severity="warning",
    component="mlflow",
    labels=("tracking_server", "airflow_url"),
    numbers=_of(
        "mlflow_extractions",
        label="tracking_server",
        value="EXTRACT(EPOCH FROM NOW() - extracted_at) / 3600",
        threshold="26",
        since="EXTRACT(EPOCH FROM extracted_at)",
    ),
    comparison=">",
    summary="nothing extracted from {tracking_server} for {value} h",
    description="MLflow at {tracking_server} was read for the last time on {since:time}, {value} h "
    "ago (more than {threshold} h raise this alert): runs, versions and aliases on the dashboards "
    "are as old.",
    panel=Panel("operations", "Extraction from MLflow"),
    links=_links("extract_mlflow_runs"),
)

# The other rules keep what they last said while the database cannot be asked: this one tells of it.
DATABASE_DOWN = Rule(
    name="ResultsDatabaseDown",
    severity="critical",
    component="storage",
    labels=(),
    numbers={
        "value": sql("SELECT 0::double precision AS value FROM storage"),
        "threshold": sql("SELECT 0::double precision AS value FROM storage"),
    },
    comparison=">",
    summary="the results database does not answer Grafana",
    description="For 5 minutes Grafana has got no answer from the results database as its reader. "
    "Dashboards are empty, and alerts that rest on it stand still.",
    panel=_DATABASE,
    links=_DASHBOARD,
    pending="5m",
    on_error="Alerting",
    on_no_data="Alerting",
)

# Prometheus cannot tell that it is down itself, and with it go MonitoringStale and all the others.
PROMETHEUS_DOWN = Rule(
    name="PrometheusDown",
    severity="critical",
    component="infrastructure",
    labels=(),
    numbers={
        "value": instant("vector(0)", legend=""),
        "threshold": instant("vector(0)", legend=""),
    },
    comparison=">",
    summary="Prometheus does not answer Grafana",
    description="For 5 minutes Grafana has got no answer from Prometheus. None of the alerts that "
    "Prometheus evaluates can fire; those on history still do.",
    panel=Panel("operations", "Targets down"),
    links=_DASHBOARD,
    pending="5m",
    on_error="Alerting",
    on_no_data="Alerting",
)

RULES = (WITHOUT_PARTITION, PARTITIONS_RUN_OUT, EXTRACTION_STALE)
REACHABLE = (DATABASE_DOWN, PROMETHEUS_DOWN)
