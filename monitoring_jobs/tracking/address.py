"""The address of an MLflow server, apart from the credentials in it."""

from __future__ import annotations

from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from monitoring_jobs.errors import InvalidSettings


def split_credentials(uri: str) -> tuple[str, str, str]:
    """Return address, user and password of a ``http(s)://`` URI; the latter two may be empty.

    Raises:
        InvalidSettings: It is not the address of a server; it is not shown.
    """
    parts = _parsed(uri)
    # A password may hold whatever ends a host: what follows then passes for the path, and is shown.
    if parts is None or uri.count("@") > ("@" in parts.netloc):
        raise InvalidSettings(
            "MLFLOW_TRACKING_URI cannot be read as an address", "percent-encode the password"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidSettings(
            "MLFLOW_TRACKING_URI is not the address of an MLflow server",
            "write http://host:port, and start `mlflow server` where there is only a folder",
        )
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    address = urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
    return address, unquote(name), unquote(password)


def _parsed(uri: str) -> SplitResult | None:
    """Return the parts, or None: what urllib says of a malformed address repeats some of it."""
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 - reading it is what refuses one that is no number
    except ValueError:
        return None
    return parts
