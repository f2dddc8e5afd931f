"""The Pushgateway: one group of series per monitor."""

from __future__ import annotations

import base64
import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal

from prometheus_client import (
    CollectorRegistry,
    delete_from_gateway,
    push_to_gateway,
    pushadd_to_gateway,
)

from monitoring_jobs.errors import GatewayRejected, GatewayUnavailable
from monitoring_jobs.results import Evaluation
from monitoring_jobs.settings import Settings
from monitoring_jobs.sinks.endpoint import Endpoint, MalformedUrl, NoAnswer, may_pass
from monitoring_jobs.sinks.gauges import evaluation_registry, failure_registry
from monitoring_jobs.sinks.textfile import TextfileSink, write_textfile

__all__ = [
    "PushgatewaySink",
    "TextfileSink",
    "evaluation_registry",
    "push_registry",
    "write_textfile",
]

JOB = "publish"
TIMEOUT_SECONDS = 10.0

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_METRIC = re.compile(r'collected metric "?([A-Za-z_:][A-Za-z0-9_:]*)')

Method = Literal["PUT", "POST", "DELETE"]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class PushgatewaySink:
    """Pushes the newest evaluation of a monitor."""

    def __init__(
        self,
        url: str,
        timeout: float = TIMEOUT_SECONDS,
        *,
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        """Take the gateway's URL.

        Args:
            url: ``host:port`` or a URL; ``user:password@`` is sent as basic authentication,
                ``token@`` as a bearer token.
            timeout: Seconds that the gateway may stay silent.
            clock: Tells when a push succeeded.

        Raises:
            GatewayRejected: The URL is malformed; it is not shown.
        """
        self._gateway = _Gateway(url, timeout)
        self._clock = clock

    def write(self, evaluation: Evaluation) -> None:
        """Replace all series of the evaluation's monitor.

        Raises:
            GatewayUnavailable: The gateway is down, slow, or answered with a server error.
            GatewayRejected: The gateway refused the metrics.
        """
        self._use("PUT", evaluation.monitor, evaluation_registry(evaluation, self._clock()))

    def write_failure(self, monitor: str, at: datetime) -> None:
        """Add when a monitor failed, and leave its other series as they are.

        Raises:
            GatewayUnavailable: As ``write``.
            GatewayRejected: As ``write``.
        """
        self._use("POST", monitor, failure_registry(monitor, at))

    def delete(self, monitor: str) -> None:
        """Remove all series of a monitor; one that has none is no error.

        Raises:
            GatewayUnavailable: As ``write``.
            GatewayRejected: As ``write``.
        """
        self._use("DELETE", monitor, None)

    def _use(self, method: Method, monitor: str, registry: CollectorRegistry | None) -> None:
        self._gateway.use(method, registry, JOB, {"monitor": monitor})


def gauge_sink(settings: Settings) -> PushgatewaySink | TextfileSink | None:
    """Return where gauges go: the gateway, else the textfile, else nowhere."""
    if settings.pushgateway_url is not None:
        return PushgatewaySink(settings.pushgateway_url.get_secret_value())
    return TextfileSink(settings.textfile) if settings.textfile is not None else None


def push_registry(
    registry: CollectorRegistry,
    *,
    url: str,
    job: str,
    grouping_key: Mapping[str, str] | None = None,
    timeout: float = TIMEOUT_SECONDS,
) -> None:
    """Replace the series of one group by a registry.

    Args:
        registry: All series of the group.
        url: The gateway, as ``PushgatewaySink`` takes it.
        job: The group's job.
        grouping_key: Further labels that name the group.
        timeout: Seconds that the gateway may stay silent.

    Raises:
        GatewayUnavailable: The gateway is down, slow, or answered with a server error.
        GatewayRejected: The gateway refused the metrics.
    """
    _Gateway(url, timeout).use("PUT", registry, job, grouping_key or {})


class _Gateway:
    """The client library's functions over our own transport, which keeps secrets and says why."""

    def __init__(self, url: str, timeout: float) -> None:
        try:
            self._endpoint = Endpoint.parse(url if "://" in url else f"http://{url}")
        except MalformedUrl:
            raise GatewayRejected(
                "Pushgateway: its URL is malformed", "set PUSHGATEWAY_URL to http://host:port"
            ) from None
        self._timeout = timeout

    def use(
        self,
        method: Method,
        registry: CollectorRegistry | None,
        job: str,
        grouping_key: Mapping[str, str],
    ) -> None:
        address = self._endpoint.address.rstrip("/")
        key = dict(_encoded(name, value) for name, value in grouping_key.items())
        with self._translated():
            if registry is None:
                delete_from_gateway(address, job, key, self._timeout, self._handler)
            else:
                push = push_to_gateway if method == "PUT" else pushadd_to_gateway
                push(address, job, registry, key, self._timeout, self._handler)

    def _handler(
        self,
        url: str,
        method: str,
        timeout: float | None,
        headers: list[tuple[str, str]],
        data: bytes,
    ) -> Callable[[], None]:
        path = url.removeprefix(self._endpoint.address.rstrip("/"))
        if self._endpoint.address.endswith("/"):
            path = path.removeprefix("/")

        def send() -> None:
            code, body = self._endpoint.send(
                method, data, path=path, headers=dict(headers), timeout=timeout
            )
            if code >= 300:
                raise self._refusal(code, body)

        return send

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except NoAnswer as exc:
            raise GatewayUnavailable(
                f"Pushgateway {self._endpoint.host} {exc}",
                "check PUSHGATEWAY_URL and that it is up, then publish again",
            ) from exc

    def _refusal(self, code: int, body: bytes) -> GatewayRejected | GatewayUnavailable:
        what = f"Pushgateway {self._endpoint.host} answered {code}"
        if may_pass(code):
            return GatewayUnavailable(what, "publish again later")
        if code in (401, 403):
            return GatewayRejected(what, "check the credentials in PUSHGATEWAY_URL")
        if code != 400:
            return GatewayRejected(what, "check PUSHGATEWAY_URL")
        # The body quotes label values, which are data: only the metric's name is repeated.
        match = _METRIC.search(body.decode("utf-8", "replace"))
        if match is None:
            return GatewayRejected(f"{what}: it takes the metrics for invalid", "report this bug")
        return GatewayRejected(
            f"{what}: metric {match[1]} contradicts what another job pushed",
            "delete that job's group, or rename its metric",
        )


def _encoded(name: str, value: str) -> tuple[str, str]:
    """Return a part of the grouping key, in base64 where a URL could change its meaning.

    The client does so for slashes, spaces and the empty value; dots alone would be lost too.
    """
    if _PLAIN.fullmatch(value):
        return name, value
    encoded = base64.urlsafe_b64encode(value.encode("utf-8", "replace")).decode()
    return f"{name}@base64", encoded or "="
