"""The window for everybody: keyboard alone, a phone, either theme, less motion; axe-core finds nothing to mend."""

import re

import pytest
from playwright.sync_api import expect

from tests.window.axe import violations
from tests.window.conftest import ROOT
from tests.window.saying import DRAW, say, until_answered

PAGE = ROOT / "tests" / "fixtures" / "page.png"
PHONE = {"viewport": {"width": 375, "height": 720}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


def full(page):
    """A conversation with everything in it."""
    say(page, DRAW)
    until_answered(page)
    page.locator("input[type=file]").set_input_files(PAGE)
    expect(page.get_by_role("list", name="Attached").locator(".tokens")).to_contain_text("tokens")
    say(page, "what does this say?")
    expect(page.locator(".reading .lines").first).to_be_visible()
    until_answered(page)
    page.locator("summary").first.click()
    page.get_by_role("button", name="As the model sees it").click()
    expect(page.locator(".seen svg")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_no_violation_in_a_full_conversation(visit_with, theme):
    page = visit_with(color_scheme=theme, viewport={"width": 1100, "height": 900}).page()
    expect(page.locator(".invitation")).to_be_visible()
    assert violations(page) == []
    full(page)
    page.get_by_role("button", name="Painting").click()
    assert violations(page) == []
    page.get_by_role("button", name="Edit").click()
    expect(page.locator("dialog canvas")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("link", name="Queue").click()
    expect(page.get_by_role("table", name="Workers").locator("tbody tr")).to_have_count(2)
    assert violations(page) == []


def test_the_models_patches_are_drawn_over_a_picture_that_was_sent(page):
    full(page)
    seen = page.locator(".turn.user figure")
    expect(seen.locator("figcaption")).to_contain_text("64 patches, 8 × 8")
    expect(seen.locator("line")).to_have_count(14)
    how = page.locator(".how").first
    expect(how.locator("code")).to_have_text('generate_image(prompt: "an orange cat in a cardboard box")')
    schedule = how.locator(".schedule svg")
    expect(schedule).to_have_attribute("aria-label", "Noise schedule of 20 steps. After step 20, 0 % of it is noise.")
    page.get_by_role("slider", name="From static to picture").press("Home")
    expect(schedule).to_have_attribute("aria-label", re.compile(r"After step 4, [5-9]\d % of it is noise"))


def test_a_phone_shows_one_column_and_nothing_is_wider_than_it(visit_with):
    page = visit_with(**PHONE).page()
    full(page)
    assert page.evaluate("document.documentElement.scrollWidth") == 375
    assert violations(page) == []
    page.get_by_role("button", name="Menu").tap()
    expect(page.get_by_role("link", name=DRAW)).to_be_in_viewport()
    page.get_by_role("link", name="Queue").tap()
    expect(page.get_by_role("heading", name="Workers")).to_be_visible()
    expect(page.get_by_role("link", name="New conversation")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") == 375


def focus(page, name):
    """Go on by Tab until something of that name has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.ariaLabel || document.activeElement.textContent.trim()") == name:
            return
    raise AssertionError(f"{name} is not reached by Tab")


def test_everything_is_done_by_keyboard_alone(page):
    expect(page.get_by_label("Your message")).to_be_focused()
    page.keyboard.type(DRAW)
    page.keyboard.press("Enter")
    expect(page.locator(".painting .state")).to_have_text("Done")
    until_answered(page)
    focus(page, "From static to picture")  # round the page: side, conversation, card
    page.keyboard.press("Home")
    expect(page.locator(".painting figure img")).to_have_attribute("alt", "After step 4")
    focus(page, "Edit")
    page.keyboard.press("Enter")
    expect(page.get_by_label("What it shows afterwards")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("a red apple")
    canvas = page.locator("dialog canvas")
    canvas.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.get_by_label("What it shows afterwards").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".painting")).to_have_count(2)
    expect(page.locator(".painting .state").last).to_have_text("Done")
    until_answered(page)
    focus(page, f"Delete {DRAW}")
    page.keyboard.press("Enter")
    focus(page, "Delete it")
    page.keyboard.press("Enter")
    expect(page.locator(".invitation")).to_be_visible()


def test_less_motion_is_respected(visit_with):
    page = visit_with(reduced_motion="reduce").page()
    say(page, DRAW)
    until_answered(page)
    assert page.evaluate("document.getAnimations().length") == 0
    duration = "getComputedStyle(document.querySelector('.sidebar')).transitionDuration"
    assert page.evaluate(duration) == "0s"


def test_a_theme_is_chosen_and_kept(page):
    page.get_by_role("button", name="Theme: as the system").click()
    page.get_by_role("button", name="Theme: light").click()
    page.reload()
    expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 24, 27)"
