"""Notices to people: by mail, by Slack, or to nobody unless the environment says whom.

A notice never fails and never lasts: it tells of a failure, and the process that sends it may have
only seconds to live.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from threading import Thread

from airflow.sdk.configuration import conf

from monitoring_jobs.errors import InvalidSettings
from monitoring_jobs.evaluation_ids import evaluation_id
from monitoring_jobs.links import Links
from monitoring_jobs.windows import Window

log = logging.getLogger(__name__)

EMAIL = "MONITORING_NOTIFY_EMAIL"
EMAIL_CONNECTION = "MONITORING_NOTIFY_EMAIL_CONN"
OWNER = "MONITORING_NOTIFY_OWNER"
SLACK = "MONITORING_NOTIFY_SLACK"

_ADDRESS = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+")
_TIMEOUT = 10  # seconds; by themselves Slack's client waits for 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What somebody is to hear.

    Attributes:
        subject: One line.
        summary: What happened, in one sentence.
        facts: Label and text, in this order; an empty text is left out.
        owner: Owner of the monitor.
    """

    subject: str
    summary: str
    facts: Mapping[str, str]
    owner: str = ""

    def as_text(self) -> str:
        """Return the notice as lines."""
        told = {label: one_line(text) for label, text in self.facts.items() if text}
        width = max(map(len, told), default=0)
        return "\n".join(
            [one_line(self.summary), "", *(f"{k:<{width}}  {v}" for k, v in told.items()), ""]
        )


def anybody() -> bool:
    """Return whether the environment names anybody.

    Raises:
        InvalidSettings: It names what cannot be notified.
    """
    return bool(_addresses()) | _switch(OWNER) | bool(_slack())


def tell(notice: Notice, *, patience: float = 10.0) -> None:
    """Send a notice to everybody; what goes wrong is logged, never raised: it reports a failure.

    Args:
        notice: What to tell.
        patience: Seconds for all channels together, however slowly their servers answer.
    """
    threads = [
        (name, Thread(target=_attempt, args=(name, send, notice), daemon=True))
        for name, send in _channels(notice)
    ]
    for _, thread in threads:
        thread.start()
    until = time.monotonic() + patience
    for name, thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
        if thread.is_alive():
            log.error(
                "%s: no answer within %.0f s; given up",
                name,
                patience,
                extra={"action": "notice_failed", "channel": name},
            )


def places(
    dag_id: str, run_id: str, monitor: str | None = None, window: Window | None = None
) -> dict[str, str]:
    """Return the facts that say where to look: the run, and what the report browser has."""
    links = Links(airflow=conf.get("api", "base_url", fallback="").rstrip("/") + "/")
    facts = {"Run": links.dag_run(dag_id, run_id)}
    if monitor is not None:
        facts["Monitor"] = links.monitor(monitor)
    if monitor is not None and window is not None:
        facts["Report"] = links.evaluation(evaluation_id(monitor, window))
    return facts


def in_words(window: Window | None) -> str:
    """Return ``2026-11-20 00:00 to 2026-11-21 00:00 UTC``."""
    return f"{window.start:%Y-%m-%d %H:%M} to {window.end:%Y-%m-%d %H:%M} UTC" if window else ""


def one_line(text: str) -> str:
    """Return a text without line breaks and control characters: a header must not end early."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


# --- who is told ----------------------------------------------------------------------------------
def _channels(notice: Notice) -> Iterator[tuple[str, Callable[[Notice], None]]]:
    addresses = _addresses()
    if _switch(OWNER) and _ADDRESS.fullmatch(notice.owner) and notice.owner not in addresses:
        addresses.append(notice.owner)
    if addresses:
        yield "mail", lambda notice: _mail(notice, addresses)
    if connection := _slack():
        yield "Slack", lambda notice: _post(notice, connection)


def _attempt(name: str, send: Callable[[Notice], None], notice: Notice) -> None:
    try:
        send(notice)
        log.info("%s: sent", name, extra={"action": "notice_sent", "channel": name})
    except Exception as exc:  # noqa: BLE001 - a notice must not add a failure to the one it tells of
        # The types of mail and HTTP libraries say what is wrong; their texts may quote addresses.
        log.error(  # noqa: TRY400 - a traceback may hold what the text does
            "%s: not sent, %s; check its connection",
            name,
            type(exc).__name__,
            extra={"action": "notice_failed", "channel": name},
        )


def _mail(notice: Notice, addresses: list[str]) -> None:
    from _mail import PlainTextNotifier

    # Called, a notifier would render its texts as templates; an error's text is data.
    PlainTextNotifier(
        to=addresses,
        subject=one_line(notice.subject),
        html_content=notice.as_text(),
        smtp_conn_id=os.environ.get(EMAIL_CONNECTION) or "smtp_default",
    ).notify({})


def _post(notice: Notice, connection: str) -> None:
    from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

    text = f"*{_for_slack(one_line(notice.subject))}*\n{_for_slack(notice.as_text())}"
    SlackWebhookNotifier(
        slack_webhook_conn_id=connection, text=text, timeout=_TIMEOUT, unfurl_links=False
    ).notify({})


def _for_slack(text: str) -> str:
    """Return a text in which Slack sees no mention, link or entity of its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _addresses() -> list[str]:
    named = [name.strip() for name in os.environ.get(EMAIL, "").split(",") if name.strip()]
    for name in named:
        if not _ADDRESS.fullmatch(name):
            raise InvalidSettings(
                f"{EMAIL}: {name!r} is no address", "write a@example.com, b@example.com"
            )
    return named


def _slack() -> str:
    connection = os.environ.get(SLACK, "").strip()
    if connection and find_spec("airflow.providers.slack") is None:
        raise InvalidSettings(
            f"{SLACK}: Airflow's Slack provider is not installed",
            "pip install apache-airflow-providers-slack",
        )
    return connection


def _switch(variable: str) -> bool:
    given = os.environ.get(variable, "").strip().lower()
    if given in ("", "0", "false", "no", "off"):
        return False
    if given in ("1", "true", "yes", "on"):
        return True
    raise InvalidSettings(f"{variable}: {given!r} is no switch", "write true or false")
