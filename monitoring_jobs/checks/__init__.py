"""Checks: pure functions from statistics and labels to measurements."""
