"""NOT Mailpit: a real SMTP server on 1025 whose messages are shown as JSON on 8025.

No package of this machine has the real one. Of its API it knows ``/api/v1/messages`` and
``/readyz``, of its commands ``readyz``.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller

from tests.fixtures.mail_server import MailServer

_HTTP, _SMTP = 8025, 1025


def serve() -> None:
    """Take mails until killed."""
    box = MailServer(port=_SMTP)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            messages = [
                {"Subject": str(mail["Subject"]), "To": sent_to}
                for mail, sent_to in zip(box.messages, box.recipients, strict=True)
            ]
            body = json.dumps({"total": len(messages), "messages": messages}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Nobody reads who asks."""

    Controller(box, hostname="0.0.0.0", port=_SMTP).start()
    ThreadingHTTPServer(("0.0.0.0", _HTTP), Handler).serve_forever()


def main() -> int:
    if sys.argv[1:] == ["readyz"]:
        with urllib.request.urlopen(f"http://127.0.0.1:{_HTTP}/readyz", timeout=3) as answer:
            return 0 if answer.status == 200 else 1
    serve()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
