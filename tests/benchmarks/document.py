"""Fill docs/performance.md from docs/benchmarks.json: ``python -m tests.benchmarks.document``."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.benchmarks.demands import judge
from tests.benchmarks.peers.tools import PEERS
from tests.benchmarks.processes import ROOT
from tests.benchmarks.results import Results
from tests.benchmarks.table import TITLES, growth_table, section_table, verdict_table

RESULTS = ROOT / "docs" / "benchmarks.json"
PAGE = ROOT / "docs" / "performance.md"

_BLOCK = re.compile(r"(<!-- begin: (\w+) -->\n).*?(<!-- end: \2 -->)", re.DOTALL)


def blocks(results: Results) -> dict[str, str]:
    """Return what stands between the markers of the page, by their names."""
    found = {"verdicts": verdict_table(judge(results)).to_markdown()}
    found["growth"] = growth_table(results).to_markdown()
    found["versions"] = ", ".join(f"{peer.key} {peer.version()}" for peer in PEERS) + "."
    for name in TITLES:
        section = results.sections.get(name)
        if section is None:
            found[name] = "Not measured yet."
            continue
        notes = sorted(
            {f"`{row.what}`: {row.note}." for row in section.rows if row.costs and row.note}
        )
        lines = [
            section_table(name, section).to_markdown(),
            "",
            f"{section.machine}; {section.at}.",
        ]
        found[name] = "\n".join([*lines, *notes])
    return found


def filled(page: str, results: Results) -> str:
    """Return the page with every block between markers made anew."""
    made = blocks(results)
    return _BLOCK.sub(lambda match: f"{match[1]}{made[match[2]]}\n{match[3]}", page)


def main(results: Path = RESULTS, page: Path = PAGE) -> None:
    """Rewrite the page from the file."""
    text = page.read_text(encoding="utf-8")
    page.write_text(filled(text, Results.load(results)), encoding="utf-8")


if __name__ == "__main__":
    main(*(Path(argument) for argument in sys.argv[1:]))
