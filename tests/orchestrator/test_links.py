"""Links open what they were made for, and nothing else."""

import pytest

from orchestrator.links import Links, markdown_image
from shared.errors import LinkInvalid

LINKS = Links("http://127.0.0.1:8000", b"secret")
ARTIFACT = f"{'a' * 64}.png"


def test_a_link_names_its_artifact():
    assert LINKS.artifact_of(LINKS.link(ARTIFACT)) == ARTIFACT


@pytest.mark.parametrize(
    "url",
    [
        f"http://127.0.0.1:8000/v1/artifacts/{ARTIFACT}",
        f"http://127.0.0.1:8000/v1/artifacts/{ARTIFACT}?sig=wrong",
        LINKS.link(ARTIFACT).replace("127.0.0.1", "evil.example"),
        LINKS.link(ARTIFACT).replace("aaa", "bbb", 1),
        Links("http://127.0.0.1:8000", b"other").link(ARTIFACT),
        "https://example.com/a.png",
        "",
    ],
)
def test_other_links_name_nothing(url):
    assert LINKS.artifact_of(url) is None


def test_a_wrong_signature_is_refused():
    with pytest.raises(LinkInvalid):
        LINKS.check(ARTIFACT, "wrong")


def test_alternative_text_cannot_break_out():
    assert markdown_image("a](x)![b\n\\c", "u") == "![a (x)! b c](u)"
