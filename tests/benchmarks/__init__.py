"""How long a whole evaluation takes, beside bare Evidently on the same files: ``make bench``."""
