"""Every error that a person may see: one line that names what failed, and the cure."""

from __future__ import annotations


class MonitoringError(Exception):
    """Root of all errors raised on purpose.

    Attributes:
        what: One line that names the file, key, column or service and what is wrong with it.
        cure: What the reader can do about it; may be empty.
    """

    def __init__(self, what: str, cure: str = "") -> None:
        self.what = what
        self.cure = cure
        super().__init__(f"{what}; {cure}" if cure else what)


class TransientError(MonitoringError):
    """May pass by itself: the caller (Airflow, a shell loop) should try again later."""


class TerminalError(MonitoringError):
    """Stays until a person mends something: trying again is a waste."""


# --- what the user wrote -------------------------------------------------------------------------
class InvalidMonitor(TerminalError):
    """A monitor file that cannot be used.

    Attributes:
        problems: One line per problem, each ``file:line: key: what is wrong; cure``.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class InvalidSettings(TerminalError):
    """An environment variable or connection is missing or malformed."""


class InvalidParam(TerminalError):
    """A param of a run that cannot be obeyed: of the trigger form, REST or the command line."""


class EmptyWindow(TerminalError):
    """A window whose start is not before its end."""


class MissingDependency(TerminalError):
    """An optional package is needed and not installed."""


# --- the data ------------------------------------------------------------------------------------
class ForbiddenSource(TerminalError):
    """A path outside the allowed roots, or a URL scheme that is not allowed."""


class UnreadableDataset(TerminalError):
    """A file, table or query that cannot be read as a dataset."""


class DatasetMissing(UnreadableDataset):
    """A file, table or column set that is not there at all."""


class ReferenceMissing(TerminalError):
    """The reference of a monitor does not exist or has no rows."""


class SourceUnavailable(TransientError):
    """The database or object storage behind a dataset does not answer."""


# --- the services --------------------------------------------------------------------------------
class StoreUnavailable(TransientError):
    """The report store does not answer or cannot be written at the moment."""


class StoreRefused(TerminalError):
    """The report store cannot be used as configured, or holds no such evaluation."""


class DatabaseUnavailable(TransientError):
    """Postgres is down, unreachable, or gave up on a conflict, deadlock or timeout."""


class DatabaseRefused(TerminalError):
    """Postgres answered, and the answer will not change by asking again."""


class SchemaMismatch(TerminalError):
    """The database schema is older or newer than this code."""


class StaleAttempt(TerminalError):
    """A newer attempt at the same evaluation has already been written."""


class GatewayUnavailable(TransientError):
    """The Pushgateway is down, slow or answered with a server error."""


class GatewayRejected(TerminalError):
    """The Pushgateway refused the metrics."""


class TrackingUnavailable(TransientError):
    """The MLflow server is down, slow or answered with a server error."""


class TrackingRefused(TerminalError):
    """The MLflow server refused the request, or has no such model, version or artifact."""


class WebhookUnavailable(TransientError):
    """The webhook's receiver is down, slow or answered with a server error."""


class WebhookRefused(TerminalError):
    """The webhook's receiver refused the evaluation."""


class SinksFailed(TransientError):
    """Several sinks failed while the others were written; at least one may work later.

    Attributes:
        errors: What each failed sink raised, by the sink's name.
    """

    def __init__(self, errors: dict[str, MonitoringError]) -> None:
        self.errors = errors
        super().__init__(_list(errors))


class SinksRefused(TerminalError):
    """Several sinks failed while the others were written, and will fail again.

    Attributes:
        errors: What each failed sink raised, by the sink's name.
    """

    def __init__(self, errors: dict[str, MonitoringError]) -> None:
        self.errors = errors
        super().__init__(_list(errors))


def _list(errors: dict[str, MonitoringError]) -> str:
    return "; ".join(f"{sink}: {error}" for sink, error in errors.items())
