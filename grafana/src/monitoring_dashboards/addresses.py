"""SQL that says where the user interfaces are, for links."""

from __future__ import annotations


def _address(name: str, url: str, default: str) -> str:
    return f"COALESCE((SELECT {url} FROM addresses WHERE name = '{name}'), '{default}')"


# Ends in a slash; MLflow's does not.
AIRFLOW = _address("airflow", "RTRIM(url, '/') || '/'", "http://localhost:8080/")
MLFLOW = _address("mlflow", "RTRIM(url, '/')", "http://localhost:5000")
