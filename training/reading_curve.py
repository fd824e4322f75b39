"""The reading curve as a section of `python -m training.evaluate`: the embedded VLM next to OCR."""

from pathlib import Path
from typing import Any

from services.vlm.engine import Engine
from services.vlm.loading import load
from services.vlm.request import ChatRequest
from services.vlm.settings import VlmSettings
from training.reading.curve import PAGES, WANTED_SHARE, Transcriber, ocr_below, reading_curve
from training.reading.transcribers import MOST_TOKENS, Ocr, messages

QUICK_PAGES = 4
"""Pages at each height, one in each font."""


def embedded_vlm(folder: Path) -> Transcriber:
    """The model in a folder, in this process, through the server's own engine."""
    settings = VlmSettings(vlm_model=folder)
    engine = Engine(load(settings), settings)

    def read(png: bytes) -> str:
        body = {"model": engine.vlm.name, "messages": messages(png), "temperature": 0, "max_tokens": MOST_TOKENS}
        return engine.answer(ChatRequest.model_validate(body)).text

    return lambda pages: [read(png) for png in pages]


def reading_section(quick: bool, folder: Path = Path("models/vlm")) -> dict[str, Any]:
    """Both readers' curves, by height of a capital letter in pixels. Two minutes on a free core, a quarter if quick."""
    pages = QUICK_PAGES if quick else PAGES
    curve = list(reading_curve(embedded_vlm(folder), Ocr().transcribe, pages))
    heights = {f"{point.height_px} px": point.model_dump(exclude={"height_px"}) for point in curve}
    return {"wanted_share": WANTED_SHARE, "ocr_below_px": ocr_below(curve), "heights": heights}
