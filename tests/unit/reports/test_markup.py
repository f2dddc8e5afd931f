"""Names and labels as text that no page reads as markup."""

from __future__ import annotations

import json
from html.parser import HTMLParser

from hypothesis import example, given
from hypothesis import strategies as st

from monitoring_jobs.reports.markup import escape, in_script, inert, inert_names, visible

ANY = st.text(st.characters())


@given(ANY)
@example("</script>\u2028\ud800\0")
def test_f57_inert_text_holds_nothing_that_starts_markup(text: str) -> None:
    shown = inert(text)
    assert shown
    assert len(shown) <= 40
    assert not set("<>&\n\r\0\u2028\u2029\u202e") & set(shown)
    shown.encode()


@given(ANY)
def test_f57_inert_text_stays_as_it_is(text: str) -> None:
    assert inert(inert(text)) == inert(text)


@given(st.lists(ANY, max_size=8))
@example(["<", "\u2039", "<"])
@example(["x" * 50, "x" * 51, "x" * 52])
@example(["", "(empty)", " "])
def test_f57_different_names_stay_different(names: list[str]) -> None:
    shown = inert_names(names)
    assert list(shown) == list(dict.fromkeys(names))
    assert len(set(shown.values())) == len(shown)


def test_ordinary_names_are_left_alone() -> None:
    for name in ("alcohol", "Größe (cm)", "a/b", "price_€", "年齢", "it's"):
        assert inert(name) == name


def test_direction_marks_and_control_characters_become_visible() -> None:
    assert visible("a\u202eb\nc") == "a\ufffdb\ufffdc"


class _Counter(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@given(ANY)
@example('"><img src=x onerror=alert(1)>')
def test_f57_escaped_text_is_text_in_elements_and_attributes(text: str) -> None:
    parser = _Counter()
    parser.feed(f'<p title="{escape(text)}">{escape(text)}</p>')
    parser.close()
    assert parser.tags == ["p"]
    assert parser.text == visible(text)


@given(st.dictionaries(ANY, st.lists(ANY, max_size=3), max_size=3))
@example({"</script><script>alert(1)</script>": ["\u2028<!--<script>&"]})
def test_f57_data_in_a_script_means_the_same_and_breaks_out_of_nothing(
    data: dict[str, list[str]],
) -> None:
    text = in_script(data)
    assert not set("<>&\n\u2028\u2029") & set(text)
    assert json.loads(text) == data
