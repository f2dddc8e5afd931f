"""Says what is wrong with a set-up, and what cures it: each service is asked, none changed."""

from monitoring_jobs.doctor.examination import Examination, examine
from monitoring_jobs.doctor.findings import Finding, State

__all__ = ["Examination", "Finding", "State", "examine"]
