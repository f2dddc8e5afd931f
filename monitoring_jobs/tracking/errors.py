"""Which failures of an MLflow server pass by themselves, and what to tell about the others."""

from __future__ import annotations

import re

from monitoring_jobs.errors import MonitoringError, TrackingRefused, TrackingUnavailable

# Codes of MLflow's own JSON errors. INTERNAL_ERROR is also what its client says of all it does not
# understand, so it is looked at last.
_PASSING = {
    "INTERNAL_ERROR",
    "TEMPORARILY_UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "REQUEST_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "ABORTED",
    "CANCELLED",
}
_UNAUTHENTICATED = {"UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED"}
_PASSING_STATUS = frozenset({408, 425, 429, 500, 502, 503, 504})
_STATUS_IN_TEXT = re.compile(r"failed with error code (\d{3})\b")
_CREDENTIALS = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
_LONGEST = 200
# Whose exceptions reach us where MLflow fetches artifacts straight from an object storage.
_STORAGE_CLIENTS = frozenset(
    {"azure", "boto3", "botocore", "google", "paramiko", "pysftp", "s3transfer", "urllib3"}
)
_DENIED = frozenset(
    {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "401", "403"}
)
_DENIED_IN_TEXT = re.compile(rf"\(({'|'.join(sorted(_DENIED))})\)")
_ABSENT = frozenset({"NoSuchBucket", "NoSuchKey", "404"})


class ForeignAnswer(TrackingRefused):
    """Something answered at the address, and it was not MLflow's interface."""


def translated(exc: Exception, server: str, password: str = "") -> MonitoringError:
    """Return what to raise for a failed call.

    Args:
        exc: An exception of MLflow's client, of requests, of the operating system, or of the client
            of an object storage.
        server: Address of the server, free of credentials.
        password: Not repeated, even where the server does.
    """
    text = str(exc).replace(password, "***") if password else str(exc)
    return _of_storage(exc, text, server) or _of_server(exc, text, server)


def _of_server(exc: Exception, text: str, server: str) -> MonitoringError:
    if "Invalid Host header" in text:
        return TrackingRefused(
            f"MLflow at {server} does not accept the host name it is called by",
            "start it with MLFLOW_SERVER_ALLOWED_HOSTS (or --allowed-hosts) naming that host",
        )
    code = _code(exc)
    status = _status(exc, text)
    answered = _says_code_in_json(exc) or status is not None
    if not answered:
        return _without_answer(exc, text, server)
    if status in (401, 403) or code in _UNAUTHENTICATED or code == "PERMISSION_DENIED":
        return TrackingRefused(f"MLflow at {server} refuses the credentials", _CREDENTIALS)
    if status in _PASSING_STATUS or (status is None and code in _PASSING):
        return TrackingUnavailable(
            f"MLflow at {server} answered with a server error ({status or code})", "try again later"
        )
    if status is not None and not _says_code_in_json(exc):
        return foreign_answer(server, f"status {status}")
    return TrackingRefused(f"MLflow at {server}: {_sentence(text)}")


def is_of_a_storage_client(exc: BaseException) -> bool:
    """Whether an exception comes from a client of an object storage, none of which is imported."""
    home = type(exc).__module__
    return home.partition(".")[0] in _STORAGE_CLIENTS and not home.startswith("google.protobuf")


def _of_storage(exc: Exception, text: str, server: str) -> MonitoringError | None:
    """Return what to raise where the storage of the artifacts failed, not MLflow itself."""
    from requests import RequestException

    chain = _chain(exc)
    found = next((link for link in chain if is_of_a_storage_client(link)), None)
    if found is None or any(isinstance(link, RequestException) for link in chain):
        # A failed fetch leaves nothing but its text; the file had just been listed.
        if "failures occurred while downloading" not in text or _code(exc) != "INTERNAL_ERROR":
            return None
        name, code = "a fetch failed", "".join(_DENIED_IN_TEXT.findall(text)[:1])
    else:
        name, code = type(found).__name__, _storage_code(found)
    storage = f"the artifact storage of MLflow at {server}"
    if code in _DENIED or "credentials" in name.lower():
        return TrackingRefused(
            f"{storage} denies access", "check the storage's credentials and their permissions"
        )
    if code in _ABSENT:
        return TrackingRefused(f"{storage} has no such bucket or file", "check the run's artifacts")
    return TrackingUnavailable(f"{storage}: {name}", "try again later")


def _storage_code(exc: BaseException) -> str:
    """Return the code that the storage gave: S3 in a dictionary, Azure and Google as a status."""
    response = getattr(exc, "response", None)
    told = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(told or getattr(exc, "status_code", None) or getattr(exc, "code", None) or "")


def _without_answer(exc: Exception, text: str, server: str) -> MonitoringError:
    from requests import exceptions as http

    chain = _chain(exc)
    if "not in a valid JSON format" in text or type(exc).__name__ == "ParseError":
        return foreign_answer(server, "no JSON")
    if any(isinstance(link, http.SSLError) for link in chain):
        return TrackingRefused(
            f"the TLS certificate of MLflow at {server} is not trusted",
            "set MLFLOW_TRACKING_SERVER_CERT_PATH to its authority's certificate",
        )
    if any(isinstance(link, (http.InvalidURL, http.InvalidSchema, UnicodeError)) for link in chain):
        return TrackingRefused(f"{server} is no address of an MLflow server")
    if any(isinstance(link, http.RequestException) for link in chain):
        # With no retries left, a timeout comes wrapped as a connection error.
        slow = "timed out" in text or any(isinstance(link, http.Timeout) for link in chain)
        refused = any(isinstance(link, http.RetryError) for link in chain)
        problem = "is too slow" if slow else "answers with errors" if refused else "does not answer"
        return TrackingUnavailable(f"MLflow at {server} {problem}", "try again later")
    if isinstance(exc, OSError):
        return TrackingRefused(f"an artifact of MLflow at {server}: {exc.strerror or 'unreadable'}")
    return TrackingRefused(f"MLflow at {server}: {_sentence(text)}")


def foreign_answer(server: str, what: str) -> ForeignAnswer:
    """Return what to raise where ``what`` is nothing that MLflow answers."""
    return ForeignAnswer(
        f"{server} does not answer as MLflow does ({what})",
        "look for a login page or proxy in between, and check MLFLOW_TRACKING_URI",
    )


def _code(exc: Exception) -> str | None:
    code = getattr(exc, "error_code", None)
    return code if isinstance(code, str) else None


def _says_code_in_json(exc: Exception) -> bool:
    return isinstance(getattr(exc, "json", None), dict)


def _status(exc: Exception, text: str) -> int | None:
    response = getattr(exc, "response", None)
    if response is not None:
        return int(response.status_code)
    found = _STATUS_IN_TEXT.search(text)
    return int(found[1]) if found else None


def _chain(exc: BaseException) -> list[BaseException]:
    links: list[BaseException] = []
    link: BaseException | None = exc
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__ or link.__context__
    return links


def _sentence(text: str) -> str:
    """The first line of a server's message, short enough for one line of a log."""
    line = text.strip().split("\n", 1)[0]
    line = re.sub(r"(\w+://)[^/\s@]*@", r"\1", line)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
