"""Stops jobs of a turn that has ended otherwise.

Who was cancelled has either submitted its job or never will: `to_its_end` sees to that, so that no job can come into
the ledger after it was to be stopped.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from shared.errors import NotFound
from shared.ledger import Ledger

P = ParamSpec("P")
T = TypeVar("T")


async def to_its_end(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Like asyncio.to_thread, except that a cancel takes effect when the function has returned."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.gather(running, return_exceptions=True)
        raise


async def cancel_job(ledger: Ledger, job_id: str) -> None:
    """Once nobody is about to submit it. Does nothing where it never was."""
    with contextlib.suppress(NotFound):
        await asyncio.to_thread(ledger.cancel, job_id)
