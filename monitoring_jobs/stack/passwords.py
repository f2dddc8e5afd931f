"""New passwords: drawn, and given to Postgres as what it would keep of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

_ROUNDS = 4096


def drawn() -> str:
    """Return a password of letters, digits, - and _; it begins like no option of a program."""
    return "k" + secrets.token_urlsafe(32)


def verifier(password: str) -> str:
    """Return what Postgres keeps of a password, so that none is in its logs (RFC 5802, RFC 7677).

    Args:
        password: Of plain letters, which need no preparation.
    """
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, _ROUNDS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    server = hmac.digest(salted, b"Server Key", "sha256")
    stored = hashlib.sha256(client).digest()
    parts = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return "SCRAM-SHA-256${}:{}${}:{}".format(_ROUNDS, *parts)
