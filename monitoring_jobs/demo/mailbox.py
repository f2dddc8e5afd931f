"""A mail server for one laptop: whatever it gets becomes a file, and nothing goes any further."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email import message_from_bytes, policy
from pathlib import Path

_LONGEST_LINE = 1 << 20
_PATIENCE_SECONDS = 60.0
# An unknown word is refused: whoever wants more than the plain protocol then does without it.
_OBEYED = {b"EHLO", b"HELO", b"MAIL", b"RCPT", b"RSET", b"NOOP"}
_NAME = re.compile(r"[^\w.]+")
_LONGEST_NAME = 80


@contextmanager
def mailbox(folder: Path) -> Iterator[str]:
    """Receive mails on a loopback port; yield ``host:port``.

    Each becomes ``<time>-<subject>.eml`` and, for a look at it in a browser, ``.html``.
    """
    folder.mkdir(exist_ok=True)
    with _Server(("127.0.0.1", 0), _Conversation) as server:
        server.folder = folder
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def keep(mail: bytes, folder: Path) -> Path:
    """Write a mail into a folder; return the file."""
    message = message_from_bytes(mail, policy=policy.default)
    subject = _NAME.sub("-", str(message["Subject"] or "no subject")).strip("-")
    now = datetime.now().astimezone()
    path = folder / f"{now:%Y-%m-%dT%H%M%S.%f}-{subject[:_LONGEST_NAME]}.eml"
    path.write_bytes(mail)
    page = message.get_body(("html",))
    if page is not None:
        path.with_suffix(".html").write_text(page.get_content(), encoding="utf-8")
    return path


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    folder: Path


class _Conversation(socketserver.StreamRequestHandler):
    timeout = _PATIENCE_SECONDS
    server: _Server

    def handle(self) -> None:
        self._say("220 monitoring demo")
        while line := self.rfile.readline(_LONGEST_LINE):
            verb = line.strip().upper().partition(b" ")[0]
            if verb == b"DATA":
                self._say("354 end with a dot")
                mail = self._mail()
                if mail is None:
                    return  # the other side is gone, and will try again
                keep(mail, self.server.folder)
                self._say("250 kept")
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok" if verb in _OBEYED else "502 not here")

    def _mail(self) -> bytes | None:
        lines: list[bytes] = []
        while line := self.rfile.readline(_LONGEST_LINE):
            if line == b".\r\n":
                return b"".join(lines)
            # A line that begins with a dot gets another one on its way.
            lines.append(line[1:] if line.startswith(b".") else line)
        return None

    def _say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())
