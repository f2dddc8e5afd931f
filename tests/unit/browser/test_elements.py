"""Markup is made by code alone."""

from __future__ import annotations

import pytest

from monitoring_jobs.browser.elements import NOTHING, element, is_safe, together


def test_text_is_escaped_and_markup_is_kept() -> None:
    inner = element("b", "a & b")
    assert str(element("p", "<i>", inner, None, [1, "x"])) == "<p>&lt;i&gt;<b>a &amp; b</b>1x</p>"


def test_attributes_are_quoted_and_left_out_where_there_is_nothing() -> None:
    made = element("input", name='"><x', value=None, checked=True, disabled=False, data_leave="a")
    assert str(made) == '<input name="&quot;&gt;&lt;x" checked data-leave="a">'


@pytest.mark.parametrize("name", ["onclick", "style", "a b", "", "x>y"])
def test_f57_attributes_that_run_or_style_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no attribute"):
        element("p", **{name: "x"})


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "//evil.test",
        "\\\\evil.test",
        "http://[",
        "vbscript:x",
    ],
)
def test_f57_addresses_other_than_http_are_left_out(address: str) -> None:
    assert not is_safe(address)
    assert str(element("a", "x", href=address)) == "<a>x</a>"


@pytest.mark.parametrize("address", ["", "./", "../a?b=c#d", "/x", "https://a.test/#/models/x"])
def test_addresses_of_ours_stay(address: str) -> None:
    assert is_safe(address)


def test_nothing_is_nothing() -> None:
    assert str(together(None, [], NOTHING)) == ""
