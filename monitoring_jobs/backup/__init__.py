"""Databases and report store as one file, and back."""

from monitoring_jobs.backup.manifest import ArchiveRefused, Manifest
from monitoring_jobs.backup.restoring import restore
from monitoring_jobs.backup.saving import backup
from monitoring_jobs.backup.writing import BackupFailed

__all__ = ["ArchiveRefused", "BackupFailed", "Manifest", "backup", "restore"]
