"""Draws a real conversation as a picture for docs/models.md: what was asked, what the painter showed, what OCR read.

`python -m bench.conversation --url http://127.0.0.1:8000` talks to a running system and writes
`bench/results/conversation.png`. Nothing in it is made up and nothing chosen: it is the first answer to a fixed seed.
"""

import argparse
import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
from PIL import Image, ImageDraw, ImageFont

PAGE = Path(__file__).resolve().parent.parent / "tests" / "fixtures" / "page.png"
WISH = "draw an orange cat in a cardboard box"
QUESTION = "what does this say?"
WIDTH, MARGIN, TILE = 960, 32, 160
INK, PALE, USER, PAPER = "#1f2933", "#6b7785", "#dcebff", "#ffffff"
SHOWN_LINES = 9


class Sheet:
    """A page that is drawn from top to bottom."""

    def __init__(self) -> None:
        self.image = Image.new("RGB", (WIDTH, 1600), PAPER)
        self.draw = ImageDraw.Draw(self.image)
        self.y = MARGIN

    def said(self, text: str, picture: Image.Image | None = None) -> None:
        """What the person said, in a bubble on the right."""
        font = ImageFont.load_default(20)
        width = int(self.draw.textlength(text, font)) + 40
        height = 48 + (picture.height + 12 if picture else 0)
        left = WIDTH - MARGIN - max(width, (picture.width + 40) if picture else 0)
        self.draw.rounded_rectangle((left, self.y, WIDTH - MARGIN, self.y + height), 16, fill=USER)
        if picture:
            self.image.paste(picture, (left + 20, self.y + 14))
        self.draw.text((left + 20, self.y + height - 36), text, fill=INK, font=font)
        self.y += height + 20

    def line(self, text: str, size: int = 20, colour: str = INK, gap: int = 12) -> None:
        self.draw.text((MARGIN, self.y), text, fill=colour, font=ImageFont.load_default(size))
        self.y += size + gap

    def row(self, pictures: list[Image.Image]) -> None:
        for number, picture in enumerate(pictures):
            tile = picture.resize((TILE, TILE), Image.Resampling.BICUBIC)
            self.image.paste(tile, (MARGIN + number * (TILE + 16), self.y))
        self.y += TILE + 14

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.image.crop((0, 0, WIDTH, self.y + MARGIN // 2)).quantize(256).save(path, optimize=True)


def chunks(url: str, content: list[dict[str, Any]], painting: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The chunks of one streamed answer."""
    messages = [{"role": "user", "content": content}]
    body = {"model": "diptych", "messages": messages, "stream": True, "diptych": painting}
    with httpx.stream("POST", f"{url}/v1/chat/completions", json=body, timeout=120) as response:
        for line in response.iter_lines():
            if line.startswith("data: {"):
                yield json.loads(line.removeprefix("data: "))


def draw_painting(sheet: Sheet, url: str, seed: int) -> None:
    answer, previews, output, link = "", [], {}, ""
    for chunk in chunks(url, [{"type": "text", "text": WISH}], {"seed": seed}):
        event = chunk.get("diptych", {})
        if event.get("type") == "job_preview":
            previews.append(Image.open(io.BytesIO(base64.b64decode(event["jpeg_base64"]))))
        if event.get("type") == "job_finished":
            output = event["output"]
        delta = chunk["choices"][0]["delta"] if chunk["choices"] else {}
        answer += delta.get("content") or ""
        link = delta["images"][0]["image_url"]["url"] if "images" in delta else link
    sheet.said(WISH)
    how = f"generate_image · {output['model']} · seed {output['seed']} · {output['steps']} steps"
    sheet.line(f"{how} · {output['seconds']:.1f} s: from noise to picture", 15, PALE)
    shown = [previews[round(n * (len(previews) - 1) / 3)] for n in range(4)]
    sheet.row([*shown, Image.open(io.BytesIO(httpx.get(link, timeout=60).content))])
    sheet.line(answer.rpartition("\n")[2], gap=28)


def draw_reading(sheet: Sheet, url: str) -> None:
    page = base64.b64encode(PAGE.read_bytes()).decode()
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{page}"}}
    answer, output = "", {}
    for chunk in chunks(url, [image, {"type": "text", "text": QUESTION}], {}):
        event = chunk.get("diptych", {})
        output = event["output"] if event.get("type") == "job_finished" else output
        answer += (chunk["choices"][0]["delta"].get("content") or "") if chunk["choices"] else ""
    with Image.open(PAGE) as picture:
        sheet.said(QUESTION, picture.convert("RGB").resize((150, 150), Image.Resampling.LANCZOS))
    sheet.line(f"read_text · {output['engine'].partition(' ')[0]} · {len(output['lines'])} lines, exact", 15, PALE)
    lines = [line for line in answer.splitlines() if line.strip() and not line.startswith("```")]
    for text in lines[:SHOWN_LINES]:
        sheet.line(text, 16, gap=7)
    sheet.line(f"… and {len(lines) - SHOWN_LINES} more lines", 15, PALE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--out", type=Path, default=Path("bench/results/conversation.png"))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    sheet = Sheet()
    draw_painting(sheet, arguments.url, arguments.seed)
    draw_reading(sheet, arguments.url)
    sheet.save(arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
