"""Stops jobs of a turn that has ended otherwise."""

import asyncio

from shared.errors import NotFound
from shared.ledger import Ledger

TRIES = 5
SUBMITTED_S = 0.1
"""The longest that submitting a job usually takes."""


async def cancel_job(ledger: Ledger, job_id: str) -> None:
    """One that was just about to be submitted may not be in the ledger yet, or never come there."""
    for _ in range(TRIES):
        try:
            await asyncio.to_thread(ledger.cancel, job_id)
            return
        except NotFound:
            await asyncio.sleep(SUBMITTED_S)
