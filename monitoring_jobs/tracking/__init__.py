"""The MLflow server, asked and told: the only home of mlflow. Nothing here loads a model."""

from __future__ import annotations

from monitoring_jobs.tracking.client import Tracking

__all__ = ["Tracking"]
