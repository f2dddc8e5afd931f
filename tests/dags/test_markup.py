"""Text of monitor files stays text in the Markdown that Airflow renders."""

from __future__ import annotations

import re

import pytest
from _markup import block, code, codes, table, text
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

NASTY = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[a](javascript:alert(1))",
    "![a](http://evil.example/x.png)",
    "[a]: http://evil.example",
    "https://evil.example/?q=1 www.evil.example root@evil.example <https://evil.example>",
    "`` ` code ` ``",
    "# heading",
    "- list",
    "1. list",
    "> quote",
    "***",
    "| a | b |\n|---|---|\n| c | d |",
    "a | b \\| c \\\\| d",
    "trailing \\",
    "```\nfence",
    "    block",
    "**bold** _it_ ~~gone~~",
    "&lt;b&gt; &amp; &#60;",
    "[^1] [x] {{ conn.x.password }} {% raw %}",
    "\u202egnirts \u200bhidden\x00\x1b[31m",
    "line\r\none\u2028two",
    "---\nheading by underline",
    "@here www. https: //",
]
TEXTS = st.one_of(
    st.sampled_from(NASTY),
    st.text(alphabet=st.characters(codec="utf-8")),
    st.text("`|\\<>[]!*_\n "),
)
PLAIN = {"text", "text_special", "softbreak", "code_inline"}


def parsed(markdown: str) -> list[Token]:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)


def inline(tokens: list[Token]) -> list[Token]:
    return [child for token in tokens for child in token.children or ()]


def shown(children: list[Token]) -> str:
    return "".join(token.content for token in children if token.type in PLAIN)


def one_line(data: str) -> str:
    line = " ".join(data.split())
    return "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in line)


def assert_inert(children: list[Token]) -> None:
    alive = [t.type for t in children if t.type not in PLAIN and t.content != "<!-- -->"]
    assert alive == []
    # GitHub's Markdown makes links of addresses, in every run of text that is whole.
    runs, whole = [""], children
    for token in whole:
        if token.type in ("text", "text_special"):
            runs[-1] += token.content
        else:
            runs.append("")
    for run in runs:
        assert not re.search(r"(?i)https?://|www\.|\S@", run), run


@pytest.mark.parametrize("write", [text, code])
@given(data=TEXTS)
def test_f57_data_in_a_paragraph_is_shown_as_it_is_and_nothing_of_it_is_alive(
    write: object, data: str
) -> None:
    assert callable(write)
    tokens = parsed(write(data))
    if one_line(data):
        assert [t.type for t in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert_inert(inline(tokens))
    assert shown(inline(tokens)) == one_line(data)


@given(cells=st.lists(TEXTS, min_size=4, max_size=4))
def test_f57_data_in_a_table_makes_no_cell_and_no_row(cells: list[str]) -> None:
    (a, b, c, d) = cells
    tokens = parsed(table(("x", "y"), [(text(a), code(b)), (code(c), codes([d, a]))]))
    assert [t.type for t in tokens].count("tr_open") == 3
    body = [t.children or [] for t in tokens if t.type == "inline"][2:]
    for children in body:
        assert_inert(children)
    assert [shown(children) for children in body[:3]] == [one_line(x) for x in (a, b, c)]


@given(data=TEXTS)
def test_f57_a_block_of_data_is_one_block_of_code(data: str) -> None:
    tokens = parsed(f"before\n\n{block(data)}\n\nafter")
    kinds = {t.type for t in tokens}
    assert kinds <= {"paragraph_open", "inline", "paragraph_close", "code_block"}
    assert [shown(t.children or []) for t in tokens if t.type == "inline"] == ["before", "after"]


def test_many_names_are_counted_instead_of_listed() -> None:
    listed = codes(f"c{i}" for i in range(1000))
    assert listed.endswith("`c29` and 970 more")
