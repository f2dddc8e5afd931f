"""Datasets: rows of a window or a reference, read one column at a time."""
