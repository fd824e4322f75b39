"""Those who can read a page: a VLM over HTTP, and OCR."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from orchestrator.settings import OrchestratorSettings
from orchestrator.vlm.client import Offer, Sampling, VlmEnd, VlmText
from orchestrator.vlm.openai_compatible import OpenAICompatibleVlm
from services.ocr.reader import Reader
from services.ocr.settings import OcrSettings
from shared.errors import ContextTooLong, VlmRefused
from shared.events import Usage
from shared.text_jobs import TextRead

INSTRUCTION = (
    "Transcribe the text in this picture exactly, line by line. Answer with the text alone, and with nothing else."
)
MOST_TOKENS = 256
"""Of an answer; a page needs about 60."""
AT_ONCE = 4
"""Pages that a server is asked to read at the same time."""


def messages(png: bytes) -> list[dict[str, Any]]:
    """The whole conversation: one picture, one instruction, no tools."""
    url = "data:image/png;base64," + base64.b64encode(png).decode()
    content = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": INSTRUCTION}]
    return [{"role": "user", "content": content}]


class HttpVlm:
    """The VLM that the orchestrator is configured to ask, asked in the same way."""

    def __init__(self, settings: OrchestratorSettings) -> None:
        self._settings = settings

    def name(self) -> str:
        """The model's name. Raises VlmUnavailable."""
        return asyncio.run(self._name())

    def transcribe(self, pages: Sequence[bytes]) -> list[str]:
        """Raises DiptychError when the server cannot be reached or fails."""
        return asyncio.run(self._transcribe(pages))

    def tokens(self, pictures: Sequence[bytes]) -> list[int]:
        """What each picture costs, up to the first that the server refuses. Raises DiptychError as `transcribe`."""
        return asyncio.run(self._tokens(pictures))

    async def _name(self) -> str:
        async with self._client() as vlm:
            return await vlm.check()

    async def _transcribe(self, pages: Sequence[bytes]) -> list[str]:
        async with self._client() as vlm:
            places = asyncio.Semaphore(AT_ONCE)
            return await asyncio.gather(*(_read(vlm, png, places) for png in pages))

    async def _tokens(self, pictures: Sequence[bytes]) -> list[int]:
        found: list[int] = []
        async with self._client() as vlm:
            bare = await _usage(vlm, [{"role": "user", "content": INSTRUCTION}])
            for png in pictures:
                try:
                    usage = await _usage(vlm, messages(png))
                except (VlmRefused, ContextTooLong):
                    break
                found.append(usage.image_tokens or max(usage.prompt_tokens - bare.prompt_tokens, 0))
        return found

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[OpenAICompatibleVlm]:
        settings = self._settings
        key = settings.vlm_key.get_secret_value()
        vlm = OpenAICompatibleVlm(
            settings.vlm_url,
            settings.vlm_name,
            key,
            timeout_s=settings.vlm_timeout_s,
            busy_s=settings.vlm_busy_s,
            away_s=settings.vlm_away_s,
        )
        try:
            yield vlm
        finally:
            await vlm.aclose()


async def _usage(vlm: OpenAICompatibleVlm, asked: list[dict[str, Any]]) -> Usage:
    """The tokens of a question, told with an answer of one token."""
    events = [event async for event in vlm.answer(asked, Offer(), Sampling(temperature=0, max_tokens=1))]
    return sum((event.usage for event in events if isinstance(event, VlmEnd)), Usage())


async def _read(vlm: OpenAICompatibleVlm, png: bytes, places: asyncio.Semaphore) -> str:
    sampling = Sampling(temperature=0, max_tokens=MOST_TOKENS)
    async with places:
        events = [event async for event in vlm.answer(messages(png), Offer(), sampling)]
    return "".join(event.text for event in events if isinstance(event, VlmText))


class Ocr:
    """The service's own reader, in this process."""

    def __init__(self) -> None:
        self._reader = Reader.from_settings(OcrSettings())
        self.name = self._reader.models.name

    def transcribe(self, pages: Sequence[bytes]) -> list[str]:
        return [self._text(png) for png in pages]

    def _text(self, png: bytes) -> str:
        *_, result = self._reader.read(png)
        assert isinstance(result, TextRead)
        return "\n".join(line.text for line in result.lines)
