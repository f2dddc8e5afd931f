"""Mail as plain text: Airflow's SMTP provider connects and logs in, but writes HTML only.

The provider is imported here alone, and this module only when a mail is to be sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from functools import cached_property
from typing import Any

from airflow.providers.smtp.hooks.smtp import SmtpHook
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

_LONGEST_LINE = 900  # bytes; the protocol allows 998


class PlainTextNotifier(SmtpNotifier):
    """SmtpNotifier whose ``html_content`` is plain text."""

    @cached_property
    def hook(self) -> SmtpHook:
        """The connection to the mail server."""
        return _PlainTextHook(smtp_conn_id=self.smtp_conn_id, auth_type=self.auth_type)


class _PlainTextHook(SmtpHook):
    def _build_mime_message(
        self,
        mail_from: str | None,
        to: str | Iterable[str],
        subject: str,
        html_content: str,
        **_kwargs: Any,
    ) -> tuple[EmailMessage, list[str]]:
        recipients = self._get_email_address_list(to)
        message = EmailMessage()
        message["Subject"] = subject
        message["From"] = mail_from or ""
        message["To"] = ", ".join(recipients)
        message["Date"] = formatdate(localtime=True)
        message["Message-ID"] = make_msgid(domain="monitoring-jobs")
        message["Auto-Submitted"] = "auto-generated"  # nobody's vacation message answers it
        # The provider sends ASCII; names of columns and monitors may be anything.
        message.set_content(html_content, cte="quoted-printable")
        # A subject that is folded comes back with a blank at its start.
        message.policy = message.policy.clone(max_line_length=_LONGEST_LINE)
        return message, recipients
