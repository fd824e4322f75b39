"""Debian's Chromium, driven by Playwright; nothing is downloaded. Knows no page."""

import contextlib
import os
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, sync_playwright


class NoBrowser(Exception):
    """There is no Chromium on this machine."""


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Raises NoBrowser."""
    binary = shutil.which("chromium")
    if binary is None:
        raise NoBrowser("there is no Chromium on this machine (Debian's package is called chromium)")
    # As root, and in containers, its sandbox cannot be set up; it is shown no page but ours.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=binary, args=[*options, "--disable-dev-shm-usage"])
        try:
            yield opened
        finally:
            opened.close()
