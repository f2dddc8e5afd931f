"""What several pages are made of: tables, filters, pagers, links to elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from monitoring_jobs.browser.addresses import Address, Addresses, link
from monitoring_jobs.browser.elements import NOTHING, Markup, Node, element
from monitoring_jobs.browser.figures import instant, lines, run_name, short, window_text, word
from monitoring_jobs.browser.requests import Asked
from monitoring_jobs.browser.values import ORDER, Attempt
from monitoring_jobs.results import Evaluation, ModelRef

# Columns whose cells are numbers, and those whose few words stay on one line.
_CLASSES = {
    **dict.fromkeys(("Rows", "Value", "Threshold", "Measurements"), "number"),
    **dict.fromkeys(("Check", "Metric", "Samples", "Length", "Took", "Computed"), "tight"),
}


def table(caption: str, titles: Sequence[str], rows: Iterable[Sequence[Node]]) -> Markup:
    """Return a table whose first column names the row.

    Args:
        caption: What it lists; for readers who do not see the heading above it.
        titles: Headings; those of numbers are known by name.
        rows: As many nodes as there are headings.
    """
    heads = [element("th", title, scope="col", class_=_CLASSES.get(title)) for title in titles]
    return element(
        "div",
        element(
            "table",
            element("caption", caption),
            element("thead", element("tr", heads)),
            element("tbody", [_row(titles, row) for row in rows]),
        ),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label=caption,
    )


def _row(titles: Sequence[str], cells: Sequence[Node]) -> Markup:
    return element(
        "tr",
        [
            element("td", cell, class_=_CLASSES.get(title))
            for title, cell in zip(titles, cells, strict=True)
        ],
    )


def section(title: str, *content: Node, note: Node = None) -> Markup:
    """Return a part of a page under a heading."""
    muted = element("p", note, class_="muted") if note is not None else None
    return element("section", element("h2", title), muted, *content)


def empty(*content: Node) -> Markup:
    """Return what stands where a list has nothing to show: why, and what to do."""
    return element("div", element("p", *content), class_="empty")


def ends_earlier(beginning: Address) -> Markup:
    """Return what stands on a page behind the last one."""
    return empty("The list ends before this page. ", link(beginning, "Show its beginning"))


def notes(texts: Iterable[str]) -> list[Markup]:
    """Return what could not be understood."""
    return [element("p", text, class_="note", role="alert") for text in texts]


def filter_form(action: Address, asked: Asked, *, names: Sequence[str]) -> Markup:
    """Return the form of a list: it works without a script, and keeps what was given.

    Args:
        action: The list itself.
        asked: What it is narrowed to now.
        names: Which of q, model and owner it has; status and dates are always there.
    """
    titles = {"q": "Monitor", "model": "Model", "owner": "Owner"}
    given = asked.given
    texts = [
        field(
            titles[name],
            element(
                "input", type="search", name=name, value=given.get(name, ""), placeholder="contains"
            ),
        )
        for name in names
    ]
    chosen = given.get("status", "")
    options = [element("option", "any", value="", selected=not chosen)]
    options += [
        element("option", word(status), value=str(status), selected=chosen == status)
        for status in ORDER
    ]
    days = [
        field(title, element("input", type="date", name=name, value=given.get(name, "")))
        for title, name in (("Ends from (UTC)", "from"), ("Ends by (UTC)", "to"))
    ]
    clear = link(action, "Clear", class_="quiet") if asked.is_narrowed else None
    return element(
        "form",
        texts,
        field("Status", element("select", options, name="status")),
        days,
        element("div", element("button", "Filter", type="submit"), clear, class_="buttons"),
        method="get",
        action=action.href,
        class_="filters",
        role="search",
    )


def field(title: str, control: Markup) -> Markup:
    """Return a control of a form under its title."""
    return element("label", element("span", title), control)


def pager(
    *, first: Address | None = None, back: Address | None = None, on: Address | None, told: str = ""
) -> Markup:
    """Return the links to a list's other pages; nothing where there is one page only."""
    if first is None and back is None and on is None:
        return element("p", told, class_="pager") if told else NOTHING
    return element(
        "nav",
        element("span", told) if told else None,
        link(first, "Newest") if first else None,
        link(back, "Previous", rel="prev") if back else None,
        link(on, "Next", rel="next") if on else None,
        class_="pager",
        aria_label="Pages",
    )


def chips(entries: Sequence[tuple[Node, int | None, Address, bool]], *, title: str) -> Markup:
    """Return links that narrow a list: what, how many, where, and whether it is chosen now."""
    links = [
        element(
            "li",
            link(
                address,
                text,
                element("span", f"{number:,}", class_="count") if number is not None else None,
                aria_current="true" if is_chosen else None,
            ),
        )
        for text, number, address, is_chosen in entries
    ]
    return element("ul", links, class_="chips", aria_label=title)


def model_link(model: ModelRef, to: Addresses) -> Markup | None:
    """Return a model's name, version and alias, linked to MLflow where that is known."""
    if model.name is None:
        return None
    alias = f"@{model.alias}" if model.alias else None
    return lines(
        link(
            to.model(model), short(model.name, 60), f" v{model.version}" if model.version else None
        ),
        element("span", short(alias, 40), class_="muted") if alias else None,
    )


def window_link(evaluation: Evaluation, to: Addresses, *, is_draft: bool = False) -> Markup:
    """Return a window, linked to its page."""
    address = to.evaluation(evaluation.monitor, evaluation.window, is_draft=is_draft)
    return link(address, window_text(evaluation.window), class_="window")


def crumbs(*entries: tuple[Node, Address | None]) -> Markup:
    """Return the way to a page."""
    items = [element("li", link(address, text)) for text, address in entries]
    return element("nav", element("ol", items), class_="crumbs", aria_label="Breadcrumb")


def elsewhere(entries: Mapping[str, Address | None]) -> Markup:
    """Return links to other pages and applications, those that there are."""
    links = [link(address, title, class_="button") for title, address in entries.items() if address]
    return element("p", links, class_="elsewhere") if links else NOTHING


def errors(attempts: Sequence[Attempt], to: Addresses) -> Markup:
    """Return a table of executions that failed."""
    return table(
        "Executions that failed",
        ("Failed at", "Window", "Error", "Dag run"),
        [
            (
                instant(attempt.recorded_at),
                window_text(attempt.window),
                short(attempt.error or "no reason was recorded", 500),
                run_link(attempt, to),
            )
            for attempt in attempts
        ],
    )


def run_link(source: Attempt | Evaluation, to: Addresses) -> Markup | None:
    """Return the Dag run of an execution, linked."""
    run = source.dag_run
    return link(to.dag_run(run), run_name(run)) if run else None
