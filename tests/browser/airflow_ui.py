"""Airflow's UI as a person uses it: by roles, labels and texts, never by pixels."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Error, FrameLocator, Locator, Page, expect
from playwright.sync_api import TimeoutError as TooLate

OUTPUT = Path(__file__).resolve().parent / "output"
# Two cores run Airflow, its tasks and a browser: a run takes ten seconds, and now and then thirty.
RUN_MILLISECONDS = 300_000
# How long a page may take on a machine that is busy with all other tests; seconds are usual.
PAGE_MILLISECONDS = 90_000
# What a picture looks like must not depend on whose machine makes it.
VIEW = {
    "viewport": {"width": 1280, "height": 800},
    "timezone_id": "UTC",
    "locale": "en-US",
    "reduced_motion": "reduce",
}
# Without a graphics card a turning wheel keeps a whole processor busy, until a run has ended.
STILL = """
const still = new CSSStyleSheet();
still.replaceSync(
  "*, ::before, ::after { animation: none !important; transition: none !important }"
);
document.adoptedStyleSheets = [...document.adoptedStyleSheets, still];
"""


@dataclass
class Complaints:
    """What the browser complained about that is ours: pages below /monitoring, their policies."""

    texts: list[str] = field(default_factory=list)

    def note(self, message: ConsoleMessage) -> None:
        """Keep an error of one of our pages; Airflow's own are not ours to judge."""
        ours = "/monitoring/" in message.location.get("url", "")
        policy = "Content Security Policy" in message.text
        if message.type == "error" and (ours or policy):
            self.texts.append(f"{message.text} ({message.location.get('url')})")

    def note_error(self, error: Error) -> None:
        """Keep an exception that nobody caught, whoever threw it."""
        self.texts.append(str(error))


@dataclass(frozen=True)
class AirflowUi:
    """One page of a browser that shows Airflow.

    Attributes:
        page: The page.
        url: URL of the UI, without a slash at its end.
    """

    page: Page
    url: str

    def goto(self, path: str) -> None:
        """Open an address of the UI."""
        self.page.goto(f"{self.url}{path}")

    def forget(self) -> None:
        """Undo what Airflow keeps in the browser: theme, view, width of panels."""
        self.page.evaluate("localStorage.clear()")

    def shot(self, name: str) -> None:
        """Keep what is seen as a picture in the tests' output, once it has come to rest."""
        with suppress(TooLate):  # a page may ask for news all the time
            self.page.wait_for_load_state("networkidle", timeout=3_000)
        self.page.evaluate(
            "Promise.allSettled(document.getAnimations()"
            ".filter(a => a.effect.getComputedTiming().iterations < 100).map(a => a.finished))"
        )
        OUTPUT.mkdir(exist_ok=True)
        self.page.screenshot(path=OUTPUT / f"{name}.png")

    def log_in(self, user: str, password: str) -> None:
        """Fill in the login form and send it."""
        self.page.get_by_label("Username").fill(user)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Sign in").click()

    def wait_for(self, what: Locator, milliseconds: int) -> None:
        """Wait for what Airflow's pages do not show by themselves: load them again and again."""
        deadline = time.monotonic() + milliseconds / 1000
        while time.monotonic() < deadline:
            self.page.wait_for_load_state("networkidle")
            if what.first.is_visible():
                return
            self.page.reload()
        expect(what.first).to_be_visible()

    def open_tab(self, name: str) -> None:
        """Open a tab of a Dag, a run or a task."""
        self.page.get_by_role("link", name=name, exact=True).last.click()

    @property
    def frame(self) -> FrameLocator:
        """The page of ours that Airflow shows in its frame."""
        return self.page.frame_locator("iframe")

    def expect_state(self, state: str) -> None:
        """Wait until the run that is shown has ended, and see how."""
        badge = self.page.get_by_test_id("state-badge").filter(has_text=re.compile(r"\w")).first
        expect(badge).to_have_text(re.compile("Success|Failed"), timeout=RUN_MILLISECONDS)
        expect(badge).to_have_text(state)
        running = self.page.get_by_test_id("state-badge").filter(
            has_text=re.compile("No Status|Scheduled|Queued|Running")
        )
        expect(running).to_have_count(0)  # the list below is asked for at other times

    def choose_theme(self, name: str) -> None:
        """Choose between light and dark in the menu of the user."""
        self.page.get_by_role("button", name="User", exact=True).click()
        self.page.get_by_role("menuitem", name="Appearance").click()
        self.page.get_by_role("menuitemradio", name=name).click()
        self.page.keyboard.press("Escape")

    # --- the trigger form -------------------------------------------------------------------------
    def open_form(self, dag_id: str) -> Locator:
        """Open a Dag and its trigger form; return the form."""
        self.goto(f"/dags/{dag_id}")
        self.page.get_by_role("button", name="Trigger Dag").click()
        form = self.page.get_by_role("dialog").filter(
            has=self.page.get_by_role("heading", name=re.compile("Trigger Dag|Run Backfill"))
        )
        expect(form).to_be_visible()
        return form

    def open_section(self, form: Locator, name: str) -> Locator:
        """Unfold a section of the form."""
        form.get_by_role("button", name=name, exact=True).click()
        section = form.get_by_role("region", name=name)
        expect(section).to_be_visible()
        return section

    def pick(self, inside: Locator, label: str, instant: datetime) -> None:
        """Fill in a date-time picker."""
        group = inside.get_by_role("group").filter(has=self.page.get_by_text(label, exact=True))
        group.get_by_test_id("datetime-input").click()
        picker = self.page.get_by_role("dialog").filter(
            has=self.page.get_by_placeholder("YYYY/MM/DD")
        )
        picker.get_by_placeholder("YYYY/MM/DD").fill(f"{instant:%Y/%m/%d}")
        picker.get_by_placeholder("HH:mm").fill(f"{instant:%H:%M}")
        picker.get_by_placeholder("HH:mm").press("Enter")
        self.page.keyboard.press("Escape")
        expect(picker).to_be_hidden()
        expect(group).to_contain_text(f"{instant:%b %d, %Y %H:%M}")

    def choose(self, form: Locator, section: str, option: str) -> None:
        """Choose an option of the only list in a section."""
        self.open_section(form, section).get_by_role("combobox").click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def trigger(self, form: Locator) -> str:
        """Send the form; return the path of the run's page, which Airflow shows then."""
        form.get_by_role("button", name="Trigger", exact=True).click()
        self.page.wait_for_url("**/runs/*")
        return self.page.url.removeprefix(self.url)
