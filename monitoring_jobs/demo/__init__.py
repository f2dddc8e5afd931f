"""The whole monitoring day on one laptop: real services, models, traffic with known faults."""

from __future__ import annotations

from monitoring_jobs.demo.run import run_demo

__all__ = ["run_demo"]
