"""Published ports: what connects on the host's loopback is led into the stack's networks.

Started by a path, with nothing but the standard library: ``forwarding.py FD:ADDRESS:PORT...``. The
listening sockets come from outside, where they stay; the connections are made inside.
"""

from __future__ import annotations

import asyncio
import socket
import sys


async def serve(pairs: list[tuple[int, str, int]]) -> None:
    """Lead on the connections of every listening socket until killed."""
    for descriptor, address, port in pairs:
        listener = socket.socket(fileno=descriptor)
        await asyncio.start_server(_leading_to(address, port), sock=listener)
    await asyncio.Event().wait()


def _leading_to(address: str, port: int):  # type: ignore[no-untyped-def]
    async def lead(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection(address, port)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        except OSError:
            pass  # either side has hung up; so does the other
        finally:
            back.close()
            writer.close()

    return lead


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while chunk := await reader.read(65536):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()


if __name__ == "__main__":
    asked = [word.split(":") for word in sys.argv[1:]]
    asyncio.run(serve([(int(fd), address, int(port)) for fd, address, port in asked]))
