"""Server-sent events as they are read from a VLM's server. Knows no chat format."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp

READ_OUT_S = 0.1
"""How long a server may take to close a stream that it has ended."""
DONE = b"[DONE]"


async def data_of(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """The data of each event, up to the one that says that all is said. Raises aiohttp.ClientError."""
    rest, data = b"", []
    async for piece in content.iter_any():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            name, _, value = line.removesuffix(b"\r").partition(b":")
            if name == b"data":
                data.append(value.removeprefix(b" "))
            elif not name and not value and data:
                event, data = b"\n".join(data), []
                if event == DONE:
                    await _read_out(content)
                    return
                yield event


async def _read_out(content: aiohttp.StreamReader) -> None:
    """Take in what is left, so that the connection can be used again."""
    with contextlib.suppress(aiohttp.ClientError, TimeoutError):
        async with asyncio.timeout(READ_OUT_S):
            while not content.at_eof():
                await content.readany()
