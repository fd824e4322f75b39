"""Several asynchronous generators as one: what any of them yields comes out as soon as it is there."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import TypeVar

T = TypeVar("T")


async def merge(sources: Sequence[AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
    """Run all sources side by side. The first error of one ends them all and is raised as it is."""
    queue: asyncio.Queue[T] = asyncio.Queue()

    async def drain(source: AsyncGenerator[T, None]) -> None:
        async for item in source:
            queue.put_nowait(item)

    tasks = [asyncio.create_task(drain(source)) for source in sources]
    running = asyncio.gather(*tasks)
    running.add_done_callback(lambda done: done.cancelled() or done.exception())  # seen also where nobody waits for it
    try:
        while not running.done() or not queue.empty():
            getter = asyncio.ensure_future(queue.get())
            await asyncio.wait({getter, running}, return_when=asyncio.FIRST_COMPLETED)
            if getter.done():
                yield getter.result()
            else:
                getter.cancel()
                await asyncio.wait({getter})
        await running
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
