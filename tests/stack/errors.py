"""What stops the walker, in one line."""

from __future__ import annotations


class StackError(Exception):
    """A compose file cannot be walked, or a service of it does not run; the message says why."""
