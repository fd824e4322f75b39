"""axe-core on a page of the window."""

from pathlib import Path

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")


def violations(page):
    """What axe-core complains of, as rule and places."""
    page.evaluate(AXE)  # past the page's own policy, as a debugger does
    shown = "document.querySelector('dialog[open]') ?? document"  # all else is inert while one is open
    found = page.evaluate(f"axe.run({shown}, {{ resultTypes: ['violations'] }})")["violations"]
    return [(rule["id"], [node["target"] for node in rule["nodes"]]) for rule in found]
