"""Photographs the chat window for the README: a real picture, a real page, in the real system with a fixed seed.

`python -m bench.screenshots` writes `bench/results/window.png` and `window_page.png`.
"""

import contextlib
import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from bench.browser import browser
from bench.own_system import own_system
from bench.report import RESULTS
from cli.folders import ROOT

WISH, QUESTION, SEED = "Draw an orange cat in a cardboard box", "what does this say?", 1
PAGE = ROOT / "tests" / "fixtures" / "page.png"
WAIT_MS = 120_000


def say(page: Page, text: str) -> None:
    page.get_by_label("Your message").fill(text)
    page.keyboard.press("Enter")
    expect(page.locator(".card .state").last).to_contain_text("Done" if text == WISH else "lines, by", timeout=WAIT_MS)
    expect(page.get_by_role("button", name="Stop")).to_be_hidden(timeout=WAIT_MS)


def picture(page: Page) -> None:
    page.get_by_role("button", name="Painting").click()
    page.get_by_label("Seed").fill(str(SEED))
    page.get_by_role("button", name="Painting").click()
    say(page, WISH)


def page_of_text(page: Page) -> None:
    page.locator("input[type=file]").set_input_files(PAGE)
    expect(page.locator(".tokens")).to_contain_text("tokens", timeout=WAIT_MS)
    say(page, QUESTION)
    page.locator(".reading .lines li").nth(7).hover()


def photograph(opened: Browser, url: str, theme: str, act: Callable[[Page], None], path: Path) -> None:
    size = {"width": 1100, "height": 980}
    with contextlib.closing(opened.new_context(viewport=size, color_scheme=theme)) as context:
        page = context.new_page()
        page.goto(url)
        act(page)
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    shot.quantize(256).save(path, optimize=True)
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KiB")


def main() -> None:
    with own_system() as url, browser() as opened:
        photograph(opened, url, "light", picture, RESULTS / "window.png")
        photograph(opened, url, "dark", page_of_text, RESULTS / "window_page.png")


if __name__ == "__main__":
    main()
