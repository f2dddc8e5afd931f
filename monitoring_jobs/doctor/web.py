"""Services that are asked over HTTP: briefly, without redirects, without showing secrets."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import (
    HTTPRedirectHandler,
    HTTPSHandler,
    Request,
    build_opener,
    getproxies,
    proxy_bypass,
)

from monitoring_jobs.doctor.clock import Clock
from monitoring_jobs.errors import InvalidSettings, TransientError
from monitoring_jobs.sinks.endpoint import Endpoint, MalformedUrl

TIMEOUT_SECONDS = 3.0
Query = Mapping[str, str | int]
_LONGEST = 64 * 2**20  # the gauges of some thousand monitors


class Unwell(TransientError):
    """A service gives no answer, or not the one that it gives in health."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said.

    Attributes:
        code: HTTP status.
        body: What came with it.
    """

    code: int
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def parsed(self) -> Any:
        """Return the body as JSON; None where it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):  # a login page; brackets by the thousand
            return None


class WebService:
    """A service behind an ``http(s)://`` address.

    Args:
        name: As findings name it, such as ``prometheus``.
        title: As a sentence names it, such as ``Prometheus``.
        url: Its address; a user and password, or a token, in it are used and never shown.
        variable: Where the address comes from, for cures.
        clock: Is told what time the service says it is.
        authorization: Header to send, where the address holds none.
        ca_file: Certificate authorities to trust in place of the system's.

    Raises:
        InvalidSettings: The address is none; it is not shown.
    """

    def __init__(
        self,
        name: str,
        title: str,
        url: str,
        *,
        variable: str,
        clock: Clock,
        authorization: str | None = None,
        ca_file: str | None = None,
    ) -> None:
        try:
            endpoint = Endpoint.parse(url)
        except MalformedUrl:
            raise InvalidSettings(
                f"{variable} is no address", "write http://host:port; percent-encode a password"
            ) from None
        self.place = f"{title} at {endpoint.host}"
        self.authorization = endpoint.authorization or authorization
        if not (self.authorization or "").isascii() or not (self.authorization or "").isprintable():
            raise InvalidSettings(
                f"the token in or beside {variable} holds what no header can",
                "look for a line end behind it, and for letters that are not plain",
            )
        self._name, self._title, self._variable, self._clock = name, title, variable, clock
        self._root, self._query = endpoint.address.rstrip("/"), endpoint.query
        self._opener = build_opener(_NoRedirect, HTTPSHandler(context=_trust(ca_file)))

    @property
    def check_it(self) -> str:
        """What to do where it does not answer."""
        parts = urlsplit(self._root)
        if parts.scheme in getproxies() and not proxy_bypass(parts.netloc):
            return (
                f"{parts.scheme}_proxy was asked for it: name {parts.hostname} in no_proxy, "
                "or mend the proxy"
            )
        return f"check that it runs and that {self._variable} leads to it"

    def get(self, path: str, query: Query | None = None) -> Answer:
        """Return the answer to a GET, whatever its status.

        Raises:
            Unwell: There is none.
        """
        return self._send("GET", path, query or {}, None)

    def post(self, path: str, content: Mapping[str, Any]) -> Answer:
        """Return the answer to a POST of JSON, whatever its status.

        Raises:
            Unwell: There is none.
        """
        return self._send("POST", path, {}, json.dumps(content).encode())

    def fetch(self, path: str, query: Query | None = None) -> dict[str, Any]:
        """Return the JSON object that a GET is answered with.

        Raises:
            Unwell: There is no answer, or another one.
        """
        answer = self.get(path, query)
        content = answer.parsed()
        if answer.code != 200 or not isinstance(content, dict):
            raise self.odd(answer)
        return content

    def fetch_list(self, path: str, query: Query | None = None) -> list[dict[str, Any]]:
        """Return the JSON objects that a GET is answered with.

        Raises:
            Unwell: As ``fetch``.
        """
        answer = self.get(path, query)
        content = answer.parsed()
        if answer.code != 200 or not isinstance(content, list):
            raise self.odd(answer)
        return [one for one in content if isinstance(one, dict)]

    def fetch_data(self, path: str, query: Query | None = None) -> dict[str, Any]:
        """Return the object under ``data``, where Prometheus and its kin put what was asked for.

        Raises:
            Unwell: As ``fetch``.
        """
        data = self.fetch(path, query).get("data")
        if not isinstance(data, dict):
            raise self.stranger()
        return data

    def require(self, path: str) -> None:
        """Ask for a page that is there in health.

        Raises:
            Unwell: It is not.
        """
        answer = self.get(path)
        if answer.code != 200:
            raise self.odd(answer)

    def odd(self, answer: Answer) -> Unwell:
        """Return what to raise for an answer that is not the one of a healthy service."""
        if answer.code in (401, 403):
            return Unwell(
                f"{self.place} refuses the credentials ({answer.code})",
                f"check user and password in or beside {self._variable}",
            )
        if 300 <= answer.code < 400:
            return Unwell(
                f"{self.place} sends elsewhere ({answer.code})",
                f"look for a login page or proxy in between, and check {self._variable}",
            )
        if answer.code == 200:
            return self.stranger()
        if answer.code >= 500:
            return Unwell(f"{self.place} answers {answer.code}", "look at its log")
        return Unwell(
            f"{self.place} answers {answer.code}", f"check what {self._variable} leads to"
        )

    def stranger(self) -> Unwell:
        """Return what to raise where something else answers at its address."""
        return Unwell(
            f"{self.place} does not answer as {self._title} does",
            f"check what {self._variable} leads to",
        )

    def _send(self, method: str, path: str, query: Query, body: bytes | None) -> Answer:
        asked = "&".join(filter(None, (self._query, urlencode(query))))
        request = Request(  # noqa: S310 - Endpoint.parse lets http and https pass only
            self._root + path + (f"?{asked}" if asked else ""), data=body, method=method
        )
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if self.authorization is not None:
            request.add_header("Authorization", self.authorization)
        try:
            return self._exchange(request)
        except (OSError, http.client.HTTPException) as exc:
            raise self._silent(exc) from exc

    def _exchange(self, request: Request) -> Answer:
        sent = self._clock.now()
        try:
            response = self._opener.open(request, timeout=TIMEOUT_SECONDS)
        except HTTPError as exc:
            response = exc  # an answer like any other
        with response:
            self._clock.note_header(self._name, response.headers.get("Date"), sent)
            return Answer(response.status, response.read(_LONGEST))

    def _silent(self, exc: OSError | http.client.HTTPException) -> Unwell:
        cause = getattr(exc, "reason", exc)
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Unwell(
                f"{self.place} shows a TLS certificate that is not trusted",
                "set SSL_CERT_FILE to its authority's certificate",
            )
        if isinstance(cause, socket.gaierror):
            problem = "cannot be found: nobody knows that host name"
        elif isinstance(cause, TimeoutError):
            problem = f"did not answer within {TIMEOUT_SECONDS:g} s"
        elif isinstance(cause, ConnectionRefusedError):
            problem = "refuses the connection"
        else:
            kind = type(cause if isinstance(cause, Exception) else exc).__name__
            problem = f"cannot be reached ({kind})"
        return Unwell(f"{self.place} {problem}", self.check_it)


def basic(user: str, password: str) -> str:
    """Return the header of a user and password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class _NoRedirect(HTTPRedirectHandler):
    """Takes a redirect for an answer: a login page at its end would pass for the service."""

    def redirect_request(self, *_args: object) -> None:
        return None


def _trust(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as exc:
        raise InvalidSettings(
            f"{ca_file}: cannot be read as certificates", "check MLFLOW_TRACKING_SERVER_CERT_PATH"
        ) from exc
