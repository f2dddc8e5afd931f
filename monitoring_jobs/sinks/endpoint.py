"""An HTTP endpoint whose URL may hold secrets: they are sent, and never shown."""

from __future__ import annotations

import base64
import http.client
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.error import HTTPError
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

_LONGEST_ANSWER = 4000
_MAY_PASS = frozenset({408, 425, 429})


class NoAnswer(Exception):
    """Nothing answered: refused, reset, or silent for too long; the message says which."""


class MalformedUrl(Exception):
    """The URL is no endpoint's; it is not shown."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL, taken apart so that no error, log or traceback can show its secrets.

    Attributes:
        host: Host and port, for messages.
        address: The URL without credentials and query.
        authorization: Header made of the URL's credentials: ``user:password@`` is basic
            authentication, ``token@`` a bearer token.
        query: The query, which may hold a token.
    """

    host: str
    address: str = field(repr=False)
    authorization: str | None = field(default=None, repr=False)
    query: str = field(default="", repr=False)

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Take a URL apart.

        Raises:
            MalformedUrl: It is not an http(s) URL with a host.
        """
        try:
            parts = urlsplit(url)
            sound = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            sound = False
        if not sound or not url.isascii() or not url.isprintable() or " " in url:
            raise MalformedUrl from None
        host = parts.netloc.rpartition("@")[2]
        return cls(
            host=host,
            address=f"{parts.scheme}://{host}{parts.path}",
            authorization=_authorization(parts),
            query=parts.query,
        )

    def send(
        self,
        method: str,
        body: bytes,
        *,
        path: str = "",
        headers: Mapping[str, str],
        timeout: float | None,
    ) -> tuple[int, bytes]:
        """Send a request and return status code and the begin of the answer, whatever they are.

        Args:
            method: The HTTP method.
            body: The body.
            path: What follows the address.
            headers: An ``Authorization`` among them wins over the URL's.
            timeout: Seconds that the endpoint may stay silent.

        Raises:
            NoAnswer: There is none.
        """
        query = f"?{self.query}" if self.query else ""
        own = {} if self.authorization is None else {"Authorization": self.authorization}
        request = Request(  # noqa: S310 - parse() lets http and https pass only
            self.address + path + query, data=body, headers={**own, **headers}, method=method
        )
        try:
            with build_opener(_NoRedirect).open(request, timeout=timeout) as answer:
                return answer.status, answer.read(_LONGEST_ANSWER)
        except HTTPError as exc:
            with exc:
                return exc.code, _beginning(exc)
        except OSError as exc:
            raise NoAnswer(_reason(exc, timeout)) from exc
        except http.client.HTTPException as exc:
            raise NoAnswer(f"cannot be understood ({type(exc).__name__})") from None


class _NoRedirect(HTTPRedirectHandler):
    """Refuses redirects: urllib would turn a POST into a GET, and call that a success."""

    def redirect_request(self, *_args: object) -> None:
        return None


def may_pass(code: int) -> bool:
    """Say whether a request that was answered so is worth trying again."""
    return code >= 500 or code in _MAY_PASS


def _authorization(parts: SplitResult) -> str | None:
    user, colon, password = parts.netloc.rpartition("@")[0].partition(":")
    user, password = unquote(user), unquote(password)
    if user and colon:
        return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    token = user or password
    return f"Bearer {token}" if token else None


def _beginning(answer: HTTPError) -> bytes:
    try:
        return answer.read(_LONGEST_ANSWER)
    except (OSError, http.client.HTTPException):
        return b""


def _reason(exc: OSError, timeout: float | None) -> str:
    cause = getattr(exc, "reason", exc)
    if isinstance(cause, TimeoutError):
        return f"did not answer within {timeout:g} s" if timeout else "did not answer"
    return f"cannot be reached ({type(cause).__name__})"
