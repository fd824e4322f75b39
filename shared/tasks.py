"""Ending a background task for certain. Knows nothing of what tasks do."""

import asyncio
from typing import Any

AGAIN_S = 0.5


async def end(task: "asyncio.Task[Any]") -> None:
    """Cancel a task, and wait until it has ended.

    A cancel can get lost: before Python 3.12 `asyncio.wait_for` swallows one that comes in the moment in which what it
    waits for is done, and redis-py sends every command through it. So it is repeated.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_S)
