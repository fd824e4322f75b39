"""What people do in the window, as functions of a page."""

from playwright.sync_api import Locator, Page, expect

DRAW = "draw an orange cat in a cardboard box"
SLOW = 150
"""Steps of a picture that takes some seconds."""


def say(page: Page, text: str) -> None:
    page.get_by_label("Your message").fill(text)
    page.get_by_label("Your message").press("Enter")


def paint_slowly(page: Page, text: str = DRAW, *, seed: int = 5) -> Locator:
    """Ask for a picture of many steps; returns its card as soon as the painter is at work."""
    page.get_by_role("button", name="Painting").click()
    page.get_by_label("Steps", exact=True).fill(str(SLOW))
    page.get_by_label("Seed").fill(str(seed))
    say(page, text)
    card = page.locator(".painting").last
    expect(card).to_contain_text(f"of {SLOW}")
    return card


def until_answered(page: Page) -> None:
    """Until nothing is being answered any more."""
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    expect(page.locator(".thinking")).to_have_count(0)


def fact(card: Locator, name: str) -> str:
    """A value below a picture."""
    return card.locator("dl.facts div").filter(has=card.page.locator("dt", has_text=name)).locator("dd").inner_text()
