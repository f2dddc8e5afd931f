"""The compose file, walked: its services run here by local programs, each in its own sandbox."""
