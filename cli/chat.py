"""One question from the command line to the running system, by the same OpenAI API that any client uses."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape

from cli.pictures import PictureError, data_url, links, save

MODEL = "diptych"
TIMEOUT = httpx.Timeout(10, read=600)  # a picture may be painted between two pieces of text


class ChatError(Exception):
    """The message tells a person what went wrong and what to do."""


@dataclass
class Answer:
    """What came of one question so far."""

    text: str = ""
    images: list[str] = field(default_factory=list)
    """Links or data URLs of `message.images`."""


def chat(
    console: Console, question: str, *, images: Sequence[Path], save_to: Path | None, address: str, api_key: str
) -> int:
    """Ask, print the answer as it comes, save its pictures. Returns the exit status."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        body = request_body(question, images)
        with httpx.Client(base_url=address, headers=headers, timeout=TIMEOUT, trust_env=False) as client:
            answer = Answer()
            for piece in stream(client, body, answer):
                console.out(piece, end="", highlight=False)
            console.out("")
            for number, link in enumerate(links(answer.text, answer.images) if save_to else (), start=1):
                console.out(f"Saved {save(client, link, save_to or Path(), number)}", highlight=False)
    except (ChatError, PictureError) as error:
        Console(stderr=True).print(f"[red]Error:[/red] {escape(str(error))}", soft_wrap=True, highlight=False)
        return 1
    return 0


def request_body(question: str, images: Sequence[Path]) -> dict[str, Any]:
    """The chat request, the pictures before the question about them. Raises PictureError."""
    content: list[dict[str, Any]] = [{"type": "image_url", "image_url": {"url": data_url(file)}} for file in images]
    content.append({"type": "text", "text": question})
    return {"model": MODEL, "stream": True, "messages": [{"role": "user", "content": content}]}


def stream(client: httpx.Client, body: dict[str, Any], answer: Answer) -> Iterator[str]:
    """The pieces of the answer's text as they come; `answer` gathers them. Raises ChatError."""
    finished = False
    try:
        with client.stream("POST", "/v1/chat/completions", json=body) as response:
            if not response.is_success:
                response.read()
                raise ChatError(_error_sentence(response))
            for line in response.iter_lines():
                if line == "data: [DONE]":
                    finished = True
                elif line.startswith("data: "):
                    yield from _pieces(json.loads(line.removeprefix("data: ")), answer)
    except httpx.ConnectError as error:
        raise ChatError(f"Diptych is not running at {client.base_url}. Start it with ./diptych up") from error
    except httpx.HTTPError as error:
        raise ChatError(f"The connection to Diptych broke: {error or type(error).__name__}.") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ChatError("The server's answer is not a chat stream: is another program on that port?") from error
    if not finished:
        raise ChatError("The answer broke off before its end.")


def _pieces(chunk: dict[str, Any], answer: Answer) -> Iterator[str]:
    if "error" in chunk:
        raise ChatError(str(chunk["error"].get("message", chunk["error"])))
    for choice in chunk.get("choices", []):
        delta = choice.get("delta") or {}
        answer.images += [image["image_url"]["url"] for image in delta.get("images") or []]
        if text := delta.get("content"):
            answer.text += text
            yield text


def _error_sentence(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"The server answered {response.status_code}: is another program on that port?"
