"""The window as a person has it: the real system, Debian's Chromium, nothing in between.

Each test leaves a screenshot in `runs/window/`. What a page may never do, it may not do in any test: ask another
origin, break its own security policy, throw.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from bench.browser import NoBrowser
from bench.browser import browser as chromium
from cli.folders import ROOT

SCREENSHOTS = ROOT / "runs" / "window"
WAIT_MS = 60_000
"""Longest wait for anything; a busy machine paints slowly."""
REFUSALS = re.compile(r"^Failed to load resource: ")  # the browser says these itself; what comes of them is tested
expect.set_options(timeout=WAIT_MS)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.path.parent == ROOT / "tests" / "window":
            item.add_marker(pytest.mark.integration)
            item.add_marker(pytest.mark.timeout(240))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Left out where there is none."""
    try:
        with chromium() as opened:
            yield opened
    except NoBrowser as error:
        pytest.skip(str(error))


@dataclass
class Visit:
    """A browser's context, and all that its pages complained of."""

    context: BrowserContext
    url: str
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)

    def page(self, path: str = "/") -> Page:
        """A new tab."""
        page = self.context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", self._asked)
        page.goto(self.url + path)
        self.pages.append(page)
        return page

    def _asked(self, request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:")):
            self.strangers.append(request.url)


@pytest.fixture
def visit_with(browser, system, request):
    """A function that opens a visit with settings of Playwright's contexts; judged and photographed at the end.

    Nothing was said before.
    """
    visits: list[Visit] = []
    with httpx.Client(base_url=system.url, timeout=30) as client:
        for conversation in client.get("/v1/conversations?limit=100").json()["data"]:
            client.delete(f"/v1/conversations/{conversation['id']}")

    def visit(url: str = system.url, **settings) -> Visit:
        visits.append(Visit(browser.new_context(**settings), url))
        return visits[-1]

    yield visit
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    name = request.node.name.removeprefix("test_")
    pages = [page for visit in visits for page in visit.pages if not page.is_closed()]
    for number, page in enumerate(pages):
        page.screenshot(path=SCREENSHOTS / f"{name}{'' if number == 0 else f'_{number + 1}'}.png", full_page=True)
    for visit in visits:
        visit.context.close()
    assert [complaint for visit in visits for complaint in visit.complaints if not REFUSALS.search(complaint)] == []
    assert [url for visit in visits for url in visit.strangers] == []


@pytest.fixture
def visit(visit_with) -> Visit:
    return visit_with(viewport={"width": 1100, "height": 800})


@pytest.fixture
def page(visit) -> Page:
    return visit.page()
