"""Events of a VLM's server, however the network cuts them."""

import asyncio
import socket

import aiohttp
import pytest
from aiohttp.base_protocol import BaseProtocol

from orchestrator.vlm.sse import data_of

STREAM = (
    ': a comment\r\ndata: {"a": "é"}\r\n\r\n'
    "event: x\nid: 1\ndata:two\ndata:  lines\n\n\n"
    "data: [DONE]\n\ndata: no more\n\n"
)
EVENTS = ['{"a": "é"}'.encode(), b"two\n lines"]


@pytest.fixture
async def content():
    """What a client reads, over a connection that is open."""
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    transport, protocol = await loop.create_connection(lambda: BaseProtocol(loop), sock=ours)
    yield aiohttp.StreamReader(protocol, 2**16, loop=loop)
    transport.close()
    theirs.close()


@pytest.mark.parametrize("length", [1, 2, 3, 7, 1000])
async def test_events_are_whole_wherever_the_stream_is_cut(content, length):
    waiting = asyncio.create_task(_all(content))
    for at in range(0, len(STREAM.encode()), length):
        content.feed_data(STREAM.encode()[at : at + length])
        await asyncio.sleep(0)
    content.feed_eof()
    assert await waiting == EVENTS


async def test_what_follows_the_end_is_taken_in_so_that_the_connection_can_be_used_again(content):
    content.feed_data(STREAM.encode())
    content.feed_eof()
    assert await _all(content) == EVENTS
    assert content.at_eof()


async def test_a_server_that_leaves_its_stream_open_is_not_waited_for(content):
    content.feed_data(STREAM.encode())
    assert await asyncio.wait_for(_all(content), 10) == EVENTS


async def test_an_event_that_is_not_whole_is_none(content):
    content.feed_data(b"data: cut")
    content.feed_eof()
    assert await _all(content) == []


async def _all(content: aiohttp.StreamReader) -> list[bytes]:
    return [data async for data in data_of(content)]
