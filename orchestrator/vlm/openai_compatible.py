"""The VLM behind an OpenAI-compatible HTTP server: our own services/vlm, vLLM, Ollama and others.

Maps every way in which such a server can fail to one of our errors; its own words go to the log only.
"""

import asyncio
import io
import json
import logging
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Literal

import aiohttp

from orchestrator.vlm.client import Offer, Sampling, VlmEnd, VlmEvent, VlmText, VlmToolCall
from orchestrator.vlm.sse import data_of
from shared.errors import ContextTooLong, Overloaded, VlmAway, VlmNonsense, VlmRefused, VlmUnavailable
from shared.events import Usage
from shared.tracing import trace_headers

ASK_AGAIN_S = (0.2, 0.8)
CONNECT_S = 5.0
CHECK = aiohttp.ClientTimeout(total=5.0)
IDLE_S = 2.0
"""How long an idle connection is kept: less than servers keep theirs, so that few are used as they are being closed."""
JSON = {"Content-Type": "application/json"}
log = logging.getLogger(__name__)
UNREACHABLE = "The vision-language model cannot be reached. Check that its server is running (`./diptych status`)."
BROKE_OFF = "The vision-language model stopped in the middle of its answer. Try again."
REFUSED = "The vision-language model's server refused the request. Its log has the reason."
NONSENSE = "The vision-language model's server answered in a form that is not OpenAI's chat format."
TOO_LONG = "The conversation is longer than the vision-language model can read. Start a new one, or send less."
BUSY = "The vision-language model is busy. Try again in a few seconds."


class OpenAICompatibleVlm:
    """Owns an HTTP client: make it in a running event loop, close it with `aclose`."""

    def __init__(self, url: str, name: str, key: str, *, timeout_s: float, busy_s: float, away_s: float) -> None:
        self._url = url.rstrip("/")
        self._http = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S, sock_read=timeout_s),
            # How many answers it gives at a time is the server's to say.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=IDLE_S),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        self._name = name
        self._listed = ""
        self._busy_s, self._away_s = busy_s, away_s

    @property
    def model(self) -> str:
        return self._name or self._listed

    async def aclose(self) -> None:
        await self._http.close()

    async def check(self) -> str:
        """The model's name: as configured, else the first that the server lists."""
        try:
            async with self._http.get(f"{self._url}/models", timeout=CHECK, raise_for_status=True) as response:
                listed = [str(model["id"]) for model in (await response.json(content_type=None))["data"]]
        except aiohttp.ClientResponseError as error:
            raise VlmUnavailable(UNREACHABLE) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise VlmAway(UNREACHABLE) from error
        except (ValueError, KeyError, TypeError) as error:
            raise VlmNonsense(NONSENSE) from error
        if self._name:
            return self._name
        if not listed:
            raise VlmUnavailable(
                "The vision-language model's server lists no model. Load one, or set DIPTYCH_VLM_NAME."
            )
        self._listed = listed[0]
        return self._listed

    async def answer(self, messages: list[dict[str, Any]], offer: Offer, sampling: Sampling) -> AsyncIterator[VlmEvent]:
        """As the protocol says. A server that is busy or away is asked again for a while: a turn may have a picture
        already."""
        began = time.monotonic()
        while True:
            try:
                async for event in self._answer_once(messages, offer, sampling):
                    yield event
                return
            except (Overloaded, VlmAway) as error:  # only ever before the first event
                patience_s = self._away_s if isinstance(error, VlmAway) else self._busy_s
                if time.monotonic() > began + patience_s:
                    raise
            await asyncio.sleep(random.uniform(*ASK_AGAIN_S))

    async def _answer_once(
        self, messages: list[dict[str, Any]], offer: Offer, sampling: Sampling
    ) -> AsyncIterator[VlmEvent]:
        name = self._name or self._listed or await self.check()
        body = json.dumps(self._body(name, messages, offer, sampling)).encode()
        try:
            async with await self._ask(body) as response:
                if response.status >= 400:
                    self._listed = ""  # it may have another model by now
                    await self._raise_for(response)
                assembly = _Assembly()
                async for data in data_of(response.content):
                    text = assembly.add(_chunk(data))
                    if text:
                        yield VlmText(text=text)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise VlmAway(UNREACHABLE) from error
        except aiohttp.ClientError as error:
            log.warning("the VLM broke off: %r", error)
            raise VlmUnavailable(BROKE_OFF) from error
        for call in assembly.whole_calls():
            yield call
        yield assembly.end()

    async def _ask(self, body: bytes, *, again: bool = True) -> aiohttp.ClientResponse:
        """Once more where the server closes a kept connection just as it is used."""
        try:
            # As a file it is written in pieces: a body with pictures may have megabytes.
            return await self._http.post(
                f"{self._url}/chat/completions",
                data=io.BytesIO(body),
                headers=JSON | trace_headers(),
                allow_redirects=False,
            )
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
            if not again:
                raise
        return await self._ask(body, again=False)

    @staticmethod
    def _body(name: str, messages: list[dict[str, Any]], offer: Offer, sampling: Sampling) -> dict[str, Any]:
        body: dict[str, Any] = {"model": name, "messages": messages, "stream": True}
        body["stream_options"] = {"include_usage": True}
        if offer.tools:
            body["tools"] = offer.tools
            if offer.choice != "auto":
                named = {"type": "function", "function": {"name": offer.choice}}
                body["tool_choice"] = offer.choice if offer.choice == "required" else named
            if not offer.parallel:
                body["parallel_tool_calls"] = False
        return body | sampling.model_dump(exclude_none=True, exclude_defaults=True)

    @staticmethod
    async def _raise_for(response: aiohttp.ClientResponse) -> None:
        text = (await response.read()).decode("utf-8", "replace")
        log.warning("the VLM's server answered %d: %.500s", response.status, text)
        if response.status == 429:
            raise Overloaded(BUSY)
        if "context_length" in text or "maximum context" in text:
            raise ContextTooLong(TOO_LONG)
        if response.status in (400, 422):
            raise VlmRefused(REFUSED, param=_param(text))
        raise VlmUnavailable(REFUSED)


def _param(error: str) -> str | None:
    """Which part of the request an error is about, where it says so in OpenAI's form."""
    try:
        param = json.loads(error)["error"]["param"]
    except (ValueError, KeyError, TypeError):
        return None
    return param if param in ("tools", "response_format") else None


def _chunk(data: bytes) -> dict[str, Any]:
    """One chat.completion.chunk. Raises VlmNonsense, or VlmUnavailable for an error sent in mid-stream."""
    try:
        chunk = json.loads(data)
    except ValueError as error:
        raise VlmNonsense(NONSENSE) from error
    if not isinstance(chunk, dict):
        raise VlmNonsense(NONSENSE)
    if chunk.get("error"):
        log.warning("the VLM's server failed in mid-answer: %.500s", data)
        raise VlmUnavailable(BROKE_OFF)
    return chunk


@dataclass
class _Assembly:
    """Puts the pieces of one streamed answer together."""

    calls: dict[int, dict[str, str]] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)
    finish_reason: str | None = None

    def add(self, chunk: dict[str, Any]) -> str:
        """Take one chunk in; returns its text. Raises VlmNonsense."""
        try:
            if chunk.get("usage"):
                self.usage = _usage(chunk["usage"])
            if not chunk.get("choices"):
                return ""
            choice = chunk["choices"][0]
            delta = choice.get("delta") or {}
            self.finish_reason = choice.get("finish_reason") or self.finish_reason
            for piece in delta.get("tool_calls") or ():
                self._add_call(piece)
            return str(delta.get("content") or "")
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise VlmNonsense(NONSENSE) from error

    def whole_calls(self) -> list[VlmToolCall]:
        """The calls, now that the stream has ended. Raises VlmUnavailable where it ended too soon."""
        if self.finish_reason is None:
            raise VlmUnavailable(BROKE_OFF)
        return [VlmToolCall(call_id=c["id"], name=c["name"], arguments=c["arguments"]) for c in self.calls.values()]

    def end(self) -> VlmEnd:
        reason: Literal["stop", "length"] = "length" if self.finish_reason == "length" else "stop"
        return VlmEnd(finish_reason=reason, usage=self.usage)

    def _add_call(self, piece: dict[str, Any]) -> None:
        index = int(piece.get("index") or 0)
        call = self.calls.setdefault(index, {"id": f"call_{index}", "name": "", "arguments": ""})
        function = piece.get("function") or {}
        call["id"] = str(piece.get("id") or call["id"])
        call["name"] += str(function.get("name") or "")
        call["arguments"] += str(function.get("arguments") or "")


def _usage(usage: dict[str, Any]) -> Usage:
    details = usage.get("prompt_tokens_details") or {}
    return Usage(
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        image_tokens=int(details.get("image_tokens") or 0),
        cached_tokens=int(details.get("cached_tokens") or 0),
    )
