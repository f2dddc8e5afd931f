"""What everything costs, beside what else could be used on the same files: ``make bench``."""
