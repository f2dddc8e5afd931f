"""Other tools on the same files: one folder each, with its pinned environment and its script."""
