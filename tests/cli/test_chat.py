"""`chat` against servers that answer well, badly, or not at all."""

import base64
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from cli.ports import free_port
from tests.cli.commands import command

Serve = Callable[..., str]
ARTIFACT = "ab" * 32 + ".png"


class Server(ThreadingHTTPServer):
    """A server that says the same to every POST and remembers what it was asked."""

    def __init__(self, status: int, body: bytes, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.body, self.files = status, body, files
        self.asked: list[dict] = []


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append({"path": self.path, "key": self.headers.get("Authorization"), **asked})
        self.reply(self.server.status, self.server.body)

    def do_GET(self) -> None:
        content = self.server.files.get(self.path)
        self.reply(200 if content else 404, content or b"")

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(status: int, body: bytes, files: dict[str, bytes] | None = None) -> Server:
        servers.append(Server(status, body, files or {}))
        threading.Thread(target=servers[-1].serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return servers[-1]

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def events(*chunks: dict, done: bool = True) -> bytes:
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks] + ["data: [DONE]\n\n"] * done
    return "".join([": keep-alive\n\n", *lines]).encode()


def delta(**fields: object) -> dict:
    return {"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": fields}]}


def ask(server: Server, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return command("chat", *arguments, "--url", f"http://127.0.0.1:{server.server_port}", **environment)


def test_the_answer_is_printed_and_its_picture_saved(serve: Callable[..., Server], tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "orange").save(tmp_path / "cat.png")
    picture = (tmp_path / "cat.png").read_bytes()
    link = f"http://public.example/v1/artifacts/{ARTIFACT}?sig=s"
    stream = events(
        delta(role="assistant", content=""),
        delta(content="A cat: [bold]\n\n"),
        delta(content=f"![cat]({link})"),
        delta(images=[{"type": "image_url", "image_url": {"url": link}}]),
        {"choices": [], "usage": {"total_tokens": 5}},
    )
    server = serve(200, stream, {f"/v1/artifacts/{ARTIFACT}?sig=s": picture})
    answer = ask(server, "draw a cat", "--save", str(tmp_path / "out"), DIPTYCH_API_KEY="k")
    assert (answer.returncode, answer.stderr) == (0, "")
    saved = tmp_path / "out" / "abababababab.png"
    assert answer.stdout == f"A cat: [bold]\n\n![cat]({link})\nSaved {saved}\n"
    assert saved.read_bytes() == picture
    assert server.asked[0]["key"] == "Bearer k"


def test_images_travel_as_data_urls_before_the_question(serve: Callable[..., Server], tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "page.png")
    server = serve(200, events(delta(content="ok")))
    assert ask(server, "what does this say?", "--image", str(tmp_path / "page.png")).returncode == 0
    asked = server.asked[0]
    assert (asked["path"], asked["model"], asked["stream"]) == ("/v1/chat/completions", "diptych", True)
    image, text = asked["messages"][0]["content"]
    assert text == {"type": "text", "text": "what does this say?"}
    encoded = image["image_url"]["url"].removeprefix("data:image/png;base64,")
    assert base64.b64decode(encoded) == (tmp_path / "page.png").read_bytes()


def test_a_closed_port_is_told_with_what_to_do(tmp_path: Path) -> None:
    answer = command("chat", "hello", "--url", f"http://127.0.0.1:{free_port()}")
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert "Diptych is not running at http://127.0.0.1" in answer.stderr
    assert "./diptych up" in answer.stderr


def test_a_file_that_is_no_picture_stops_before_anything_is_sent(serve: Callable[..., Server], tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("hello")
    server = serve(200, events(delta(content="ok")))
    answer = ask(server, "look", "--image", str(tmp_path / "a.txt"))
    assert answer.returncode == 1
    assert "is not a picture that can be sent" in answer.stderr
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (
            429,
            b'{"error": {"message": "The queue is full; try again in 3 s.", "code": "overloaded"}}',
            "The queue is full",
        ),
        (502, b"<html>", "The server answered 502: is another program on that port?"),
        (200, events({"error": {"message": "The painter is not running."}}), "The painter is not running."),
        (200, events(delta(content="half"), done=False), "The answer broke off before its end."),
        (200, b"data: <html>\n\n", "is not a chat stream"),
        (200, b'data: {"choices": [{"delta": {"images": [3]}}]}\n\n', "is not a chat stream"),
        (200, b"data: []\n\n", "is not a chat stream"),
    ],
)
def test_an_error_is_one_sentence_on_stderr_and_a_failing_status(
    serve: Callable[..., Server], status: int, body: bytes, sentence: str
) -> None:
    answer = ask(serve(status, body), "hello")
    assert answer.returncode == 1
    assert sentence in answer.stderr
    assert "Traceback" not in answer.stderr
