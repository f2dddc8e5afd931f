"""NOT the statsd-exporter: a small server that takes StatsD by UDP and shows it to Prometheus.

No package of this machine has the real one. This one obeys the part of its mapping file that
docker/statsd/mapping.yml uses: globs and regular expressions, names, labels, ``drop``; timers
become summaries without quantiles.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

Labels = tuple[tuple[str, str], ...]


@dataclass
class Mapping:
    """One rule: what it matches, and what becomes of it."""

    pattern: re.Pattern[str]
    name: str
    labels: dict[str, str]
    drop: bool

    @classmethod
    def read(cls, entry: dict[str, Any], defaults: dict[str, Any]) -> Mapping:
        match, kind = entry["match"], entry.get("match_type", defaults.get("match_type", "glob"))
        if kind == "glob":
            match = "^" + re.escape(match).replace(r"\*", "([^.]*)") + "$"
        drop = entry.get("action") == "drop"
        name = "" if drop else entry["name"]
        return cls(re.compile(match), name, entry.get("labels") or {}, drop)


@dataclass
class Series:
    """All that has been heard."""

    mappings: list[Mapping]
    kinds: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[Labels, float]] = field(default_factory=lambda: defaultdict(dict))

    def hear(self, line: str) -> None:
        """Take one line such as ``airflow.dagbag_size:3|g``; what is no such line is counted."""
        found = re.fullmatch(r"([^:|]+):([+-]?[\d.eE+-]+)\|(c|g|ms|h|d)(?:\|.*)?", line)
        mapped = self._mapped(found[1]) if found else None
        if found is None or mapped is None:
            return
        name, labels = mapped
        number, kind = float(found[2]), found[3]
        if kind == "c":
            self._add(name, "counter", labels, number)
        elif kind == "g":
            relative = found[2][0] in "+-"
            before = self.values[name].get(labels, 0.0) if relative else 0.0
            self.kinds.setdefault(name, "gauge")
            self.values[name][labels] = before + number
        else:
            seconds = number / 1000 if kind == "ms" else number
            self.kinds.setdefault(name, "summary")
            self._add(f"{name}_sum", "", labels, seconds)
            self._add(f"{name}_count", "", labels, 1.0)

    def _add(self, name: str, kind: str, labels: Labels, number: float) -> None:
        if kind:
            self.kinds.setdefault(name, kind)
        self.values[name][labels] = self.values[name].get(labels, 0.0) + number

    def _mapped(self, metric: str) -> tuple[str, Labels] | None:
        for mapping in self.mappings:
            if found := mapping.pattern.search(metric):
                if mapping.drop:
                    return None
                labels = {key: _expand(text, found) for key, text in mapping.labels.items()}
                return _expand(mapping.name, found), tuple(sorted(labels.items()))
        return re.sub(r"[^a-zA-Z0-9_]", "_", metric), ()

    def text(self) -> str:
        """Return Prometheus' text format."""
        lines = [f"# TYPE {name} {kind}" for name, kind in self.kinds.items() if kind != "summary"]
        for name, series in self.values.items():
            for labels, number in series.items():
                pairs = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels)
                lines.append(f"{name}{{{pairs}}} {number}" if pairs else f"{name} {number}")
        return "\n".join([*lines, ""])


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, series: Series) -> None:
        self._series = series

    def datagram_received(self, data: bytes, addr: object) -> None:
        for line in data.decode(errors="replace").splitlines():
            self._series.hear(line)


def _expand(text: str, found: re.Match[str]) -> str:
    return re.sub(r"\$\{?(\d+)\}?", lambda place: found[int(place[1])] or "", text)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


async def serve(series: Series, udp: int, http: int) -> None:
    """Listen until killed."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readline()
        body = series.text() if b" /metrics" in request else "ok\n"
        head = "HTTP/1.0 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n"
        writer.write((head + body).encode())
        await writer.drain()
        writer.close()

    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: _Listener(series), local_addr=("0.0.0.0", udp))
    async with await asyncio.start_server(answer, "0.0.0.0", http) as server:
        await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statsd.mapping-config", dest="mapping", type=Path, required=True)
    parser.add_argument("--statsd.listen-udp", dest="udp", default=":9125")
    parser.add_argument("--statsd.listen-tcp", dest="tcp", default="")
    parser.add_argument("--web.listen-address", dest="http", default=":9102")
    options = parser.parse_args()
    document = yaml.safe_load(options.mapping.read_text(encoding="utf-8"))
    defaults = document.get("defaults") or {}
    mappings = [Mapping.read(entry, defaults) for entry in document.get("mappings") or ()]
    udp, http = (int(text.rpartition(":")[2]) for text in (options.udp, options.http))
    asyncio.run(serve(Series(mappings), udp, http))


if __name__ == "__main__":
    main()
