"""What happens, kept in order while it is followed: each follower gets all of it, from wherever it begins."""

import asyncio
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Feed(Generic[T]):
    """A list that grows until it is closed. For one event loop."""

    def __init__(self) -> None:
        self._entries: list[T] = []
        self._closed = False
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def last(self) -> T | None:
        """What was added last."""
        return self._entries[-1] if self._entries else None

    def add(self, entry: T) -> None:
        self._entries.append(entry)
        self._wake()

    def close(self) -> None:
        """Nothing more will come."""
        self._closed = True
        self._wake()

    async def follow(self) -> AsyncIterator[T]:
        """All entries from the first one on; ends after the last one."""
        position = 0
        while True:
            while position < len(self._entries):
                yield self._entries[position]
                position += 1
            if self._closed:
                return
            news = asyncio.get_running_loop().create_future()
            self._waiting.append(news)
            await news

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for news in waiting:
            if not news.done():  # a follower that has left
                news.set_result(None)
