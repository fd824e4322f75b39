"""What the Markdown points at exists: files, headings, the modules of commands. Follows no link out of the tree."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("models", "orchestrator", "services", "tests", "training")
DOCUMENTS = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
CARDS = [card for folder in FOLDERS for card in (ROOT / folder).rglob("README.md")]
LINK = re.compile(r"\[[^\]]*\]\((?!https?://)([^)\s]+)\)")
MODULE = re.compile(r"python -m ([\w.]+)")


def prose(document):
    """The text without blocks and spans of code, which hold brackets of their own."""
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^ *```.*?^ *```", "", document.read_text(), flags=re.M | re.S))


def headings(document):
    """The names that a document's headings have as link targets."""
    text = re.sub(r"^ *```.*?^ *```", "", document.read_text(), flags=re.M | re.S)
    titles = re.findall(r"^#+ +(.+)$", text, flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def named(path):
    return str(path.relative_to(ROOT))


def links(document):
    """The file and the heading (empty: the file itself) of each relative link."""
    for target in LINK.findall(prose(document)):
        path, _, heading = target.partition("#")
        yield (document.parent / path).resolve() if path else document, heading


@pytest.mark.parametrize("document", DOCUMENTS + CARDS, ids=named)
def test_every_relative_link_leads_to_a_file_or_a_heading(document):
    broken = [
        (named(path), heading)
        for path, heading in links(document)
        if not path.exists() or (heading and heading not in headings(path))
    ]
    assert broken == []


def test_every_document_is_reached_from_the_readme():
    assert {path for path, _ in links(DOCUMENTS[0])} >= set(DOCUMENTS[1:]) > set()


def test_every_command_names_a_module_of_ours():
    modules = {module for document in DOCUMENTS for module in MODULE.findall(document.read_text())}
    files = [(ROOT / module.replace(".", "/")).with_suffix(".py") for module in modules]
    missing = [file for file in files if not (file.exists() or (file.with_suffix("") / "__main__.py").exists())]
    assert missing == []
    assert len(modules) > 10
