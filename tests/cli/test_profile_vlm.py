"""`./diptych profile-vlm` as a program, against servers that speak OpenAI's chat format over real HTTP."""

import base64
import io
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from PIL import Image

from cli.folders import DataFolder
from cli.profile_vlm import running_vlm
from orchestrator.settings import OrchestratorSettings
from shared.reading_profile import ReadingProfile, profile_path
from tests.cli.commands import command
from tests.cli.processes import SLEEPER, part, plan, wait_for
from training.reading.curve import ocr_below, reading_curve
from training.reading.pages import HEIGHTS, SIDES, make_page
from training.reading.transcribers import HttpVlm

PAGES = 1
READS_FROM = 14
SEES_UP_TO = 1024
"""Larger pictures are scaled down to it."""
NAME = "org/reader:7b"
Read = Callable[[int, tuple[str, ...]], str]
"""The answer to a page of letters so many pixels high that shows these lines."""


def good_eyes(height: int, lines: tuple[str, ...]) -> str:
    text = "\n".join(lines)
    return text if height >= READS_FROM else text.translate(str.maketrans("aeiou", "oiuea"))


class Handler(BaseHTTPRequestHandler):
    server: "ReadingServer"

    def do_GET(self) -> None:
        self._send(json.dumps({"object": "list", "data": [{"id": NAME, "object": "model"}]}), "application/json")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append(body)
        if not self.server.truth:
            self.send_error(500)
            return
        (message,) = body["messages"]
        url = next((part["image_url"]["url"] for part in message["content"] if "image_url" in part), "")
        png = base64.b64decode(url.partition(",")[2])
        tokens = 5
        if png:
            side = min(Image.open(io.BytesIO(png)).width, SEES_UP_TO)
            tokens += (side // 16) ** 2
        said = self.server.read(*self.server.truth[png]) if png in self.server.truth else "Nothing."
        delta = {"delta": {"content": said}, "finish_reason": "stop", "index": 0}
        told = {"choices": [delta], "usage": {"prompt_tokens": tokens}}
        self._send(f"data: {json.dumps(told)}\n\ndata: [DONE]\n\n", "text/event-stream")

    def _send(self, text: str, kind: str) -> None:
        data = text.encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


class ReadingServer(ThreadingHTTPServer):
    """Knows what each page says, and reads as well as `read` does."""

    def __init__(self, read: Read | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict] = []
        self.truth: dict[bytes, tuple[int, tuple[str, ...]]] = {}
        if read:
            self.read = read
            pages = [(height, make_page(number, height)) for height in HEIGHTS for number in range(PAGES)]
            self.truth = {page.png: (height, page.lines) for height, page in pages}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@pytest.fixture
def serve() -> Iterator[Callable[[Read | None], ReadingServer]]:
    servers: list[ReadingServer] = []

    def serve(read: Read | None) -> ReadingServer:
        server = ReadingServer(read)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_profile_of_a_vlm_that_reads_large_letters(serve, folder):
    server = serve(good_eyes)
    done = command("profile-vlm", "--data", str(folder.path), "--pages", str(PAGES), DIPTYCH_VLM_URL=server.url)
    assert done.returncode == 0, done.stderr
    assert f"{NAME} reads 98% of characters from {READS_FROM} px on: OCR below that." in done.stdout
    path = profile_path(folder.path, NAME)
    assert path.parent == folder.path / "profiles"
    profile = ReadingProfile.read(path)
    assert (profile.model, profile.ocr_below_px) == (NAME, READS_FROM)
    assert tuple(point.height_px for point in profile.curve) == HEIGHTS
    for point in profile.curve:
        assert (point.vlm.characters.share == 1) == (point.height_px >= READS_FROM)
        assert point.vlm.characters.n == PAGES
    assert profile.curve[-1].ocr.characters.share > 0.95
    assert len(server.asked) == PAGES * len(HEIGHTS) + 1 + len(SIDES)
    assert {side: round(profile.scale(side, side // 2), 2) for side in SIDES} == {
        side: 1.0 if side <= SEES_UP_TO else SEES_UP_TO / side for side in SIDES
    }
    assert not any(body.get("tools") for body in server.asked)
    assert {(body["model"], body["temperature"]) for body in server.asked} == {(NAME, 0)}


def test_a_vlm_that_does_not_transcribe_gets_no_threshold(serve):
    server = serve(lambda height, lines: "I cannot tell what this page says.")
    vlm = HttpVlm(OrchestratorSettings(vlm_url=server.url))
    curve = list(reading_curve(vlm.transcribe, lambda pages: [""] * len(pages), PAGES))
    assert max(point.vlm.characters.share for point in curve) < 0.3
    assert ocr_below(curve) is None


def test_a_vlm_that_fails_is_said_in_a_sentence_and_leaves_no_profile(serve, folder):
    done = command("profile-vlm", "--data", str(folder.path), "--pages", "1", DIPTYCH_VLM_URL=serve(None).url)
    assert done.returncode == 1
    assert "Error: The vision-language model's server refused the request." in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder.path / "profiles").exists()


def test_without_a_vlm_the_way_out_is_said(folder):
    done = command("profile-vlm", "--data", str(folder.path))
    assert done.returncode == 1
    assert "start Diptych with ./diptych up, or set DIPTYCH_VLM_URL" in done.stderr


def test_the_vlm_of_the_running_system_is_found(folder: DataFolder, start):
    assert running_vlm(folder) is None
    start(plan(part("vlm", SLEEPER, port=23_456)))
    assert wait_for(lambda: running_vlm(folder)) == "http://127.0.0.1:23456/v1"
