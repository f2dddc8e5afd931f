"""The MLflow server, asked and told: the only home of mlflow. Nothing here loads a model."""

from __future__ import annotations

from monitoring_jobs.tracking.client import EXPERIMENTS_PER_SEARCH, Tracking
from monitoring_jobs.tracking.fetching import fetch_ahead

__all__ = ["EXPERIMENTS_PER_SEARCH", "Tracking", "fetch_ahead"]
