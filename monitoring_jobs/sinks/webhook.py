"""The generic webhook: an evaluation as JSON, by POST."""

from __future__ import annotations

import tenacity

from monitoring_jobs.errors import WebhookRefused, WebhookUnavailable
from monitoring_jobs.results import Evaluation
from monitoring_jobs.sinks.endpoint import Endpoint, MalformedUrl, NoAnswer, may_pass


class WebhookSink:
    """Posts evaluations to one receiver."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        timeout: float = 10.0,
        attempts: int = 4,
        *,
        patience: float = 1.0,
    ) -> None:
        """Take the receiver's address.

        Args:
            url: Where to post; ``user:password@`` or ``token@`` in it is sent and never shown.
            token: Sent as a bearer token.
            timeout: Seconds that the receiver may stay silent.
            attempts: How often to try before giving up.
            patience: Seconds to wait after the first failure; doubled after each further one.

        Raises:
            WebhookRefused: The URL is malformed, or the token cannot be sent; neither is shown.
        """
        try:
            self._endpoint = Endpoint.parse(url)
        except MalformedUrl:
            raise WebhookRefused(
                "webhook: its URL is malformed", "set MONITORING_WEBHOOK_URL to https://host/path"
            ) from None
        self._headers = {"Content-Type": "application/json; charset=utf-8"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {_checked(token)}"
        self._timeout = timeout
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(WebhookUnavailable),
            stop=tenacity.stop_after_attempt(attempts),
            wait=tenacity.wait_exponential(multiplier=patience, max=30)
            + tenacity.wait_random(0, patience),
            reraise=True,
        )

    def write(self, evaluation: Evaluation) -> None:
        """Post an evaluation; the object is that of evaluation.json.

        A receiver may see it more than once: ``Idempotency-Key`` names the attempt.

        Raises:
            WebhookUnavailable: The receiver is down, slow or overloaded, also at the last attempt.
            WebhookRefused: The receiver refused it.
        """
        body = evaluation.to_json().encode()
        key = f"{evaluation.monitor}/{evaluation.window}/{evaluation.attempt}"
        headers = {**self._headers, "Idempotency-Key": _ascii(key)}
        self._retrying.copy()(self._post, body, headers)

    def _post(self, body: bytes, headers: dict[str, str]) -> None:
        try:
            code, _ = self._endpoint.send("POST", body, headers=headers, timeout=self._timeout)
        except NoAnswer as exc:
            raise WebhookUnavailable(
                f"webhook {self._endpoint.host} {exc}",
                "check MONITORING_WEBHOOK_URL and that it is up, then publish again",
            ) from exc
        if code >= 300:
            raise self._refusal(code)

    def _refusal(self, code: int) -> WebhookRefused | WebhookUnavailable:
        what = f"webhook {self._endpoint.host} answered {code}"
        if may_pass(code):
            return WebhookUnavailable(what, "publish again later")
        if code in (401, 403):
            return WebhookRefused(what, "check MONITORING_WEBHOOK_TOKEN")
        return WebhookRefused(what, "check MONITORING_WEBHOOK_URL and what the receiver expects")


def _checked(token: str) -> str:
    if not token.isascii() or not token.isprintable() or token != token.strip():
        raise WebhookRefused(
            "webhook: its token holds characters that no header can carry",
            "check MONITORING_WEBHOOK_TOKEN for line breaks and blanks",
        )
    return token


def _ascii(text: str) -> str:
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
