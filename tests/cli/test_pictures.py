"""Pictures on their way into a chat and out of it."""

import base64
from pathlib import Path

import httpx
import pytest
from PIL import Image

from cli.pictures import PictureError, data_url, links, save

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def client(answer: httpx.Response) -> httpx.Client:
    return httpx.Client(base_url="http://diptych", transport=httpx.MockTransport(lambda _: answer))


@pytest.mark.parametrize(("suffix", "media"), [("png", "png"), ("jpg", "jpeg"), ("webp", "webp"), ("gif", "gif")])
def test_a_pictures_type_is_told_by_its_bytes_not_by_its_name(tmp_path: Path, suffix: str, media: str) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / f"picture.{suffix}")
    file = (tmp_path / f"picture.{suffix}").rename(tmp_path / "picture.txt")
    assert data_url(file).startswith(f"data:image/{media};base64,")


@pytest.mark.parametrize("content", [b"", b"hello", b"RIFF\x00\x00\x00\x00WAVE"])
def test_what_is_no_picture_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "note.png").write_bytes(content)
    with pytest.raises(PictureError, match="is not a picture that can be sent: PNG, JPEG, WebP or GIF"):
        data_url(tmp_path / "note.png")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"Cannot read .*gone\.png: No such file"):
        data_url(tmp_path / "gone.png")


def test_links_are_found_in_order_once_and_data_urls_only_alone() -> None:
    text = 'Here:\n\n![a cat](http://h/v1/artifacts/aa.png?sig=1) and ![b](</v1/artifacts/bb.png> "title")'
    assert links(text, ["http://h/v1/artifacts/aa.png?sig=1", "data:image/png;base64,AA"]) == [
        "http://h/v1/artifacts/aa.png?sig=1",
        "/v1/artifacts/bb.png",
    ]
    assert links("no link", ["data:image/png;base64,AA"]) == ["data:image/png;base64,AA"]


def test_an_artifact_is_fetched_from_the_client_s_own_server_with_its_signature(tmp_path: Path) -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, content=PIXEL)

    own = httpx.Client(base_url="http://diptych", transport=httpx.MockTransport(answer))
    name = "0123456789abcdef" * 4
    file = save(own, f"https://public.example/v1/artifacts/{name}.png?sig=x", tmp_path / "out", 1)
    assert seen == [f"http://diptych/v1/artifacts/{name}.png?sig=x"]
    assert file == tmp_path / "out" / "0123456789ab.png"
    assert file.read_bytes() == PIXEL


def test_a_data_url_becomes_a_numbered_file(tmp_path: Path) -> None:
    link = f"data:image/png;base64,{base64.b64encode(PIXEL).decode()}"
    assert save(client(httpx.Response(500)), link, tmp_path, 2) == tmp_path / "picture-2.png"


@pytest.mark.parametrize(
    ("link", "answer", "sentence"),
    [
        ("http://elsewhere/cat.png", httpx.Response(200, content=PIXEL), "a picture elsewhere, which is not fetched"),
        ("/v1/artifacts/a.png", httpx.Response(404), "the server answered 404"),
        ("/v1/artifacts/a.png", httpx.Response(200, text="<html>"), "is not a picture"),
        ("data:image/png;base64,%%%", httpx.Response(500), "cannot be decoded"),
    ],
)
def test_a_link_that_gives_no_picture_is_told(tmp_path: Path, link: str, answer: httpx.Response, sentence: str) -> None:
    with pytest.raises(PictureError, match=sentence):
        save(client(answer), link, tmp_path, 1)
    assert list(tmp_path.iterdir()) == []
