"""`/healthz`: this process lives. `/readyz`: every part that a chat needs is there, or which one is missing."""

import asyncio
from collections.abc import Awaitable
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.wiring import Services, ServicesDep
from shared.errors import DiptychError
from shared.jobs import Queue
from shared.presence import WorkerPresence, live_workers

router = APIRouter()
CHECK_S = 5.0


class Alive(BaseModel):
    status: Literal["ok"] = "ok"


class Part(BaseModel):
    """Whether a part is there, and what it says of itself."""

    ok: bool
    detail: str


class Readiness(BaseModel):
    status: Literal["ready", "waiting"]
    parts: dict[str, Part]


@router.get("/healthz")
async def healthz() -> Alive:
    """200 while the process serves."""
    return Alive()


@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness, "description": "Not yet."}})
async def readyz(services: ServicesDep) -> JSONResponse:
    """200 when a chat can use every tool, else 503; either way with the state of each part."""
    redis_part, ledger_part, vlm_part, workers = await asyncio.gather(
        _part(_ping(services)),
        _part(asyncio.to_thread(services.ledger.ping)),
        _part(services.vlm.check()),
        _workers(services),
    )
    parts = {"redis": redis_part, "ledger": ledger_part, "vlm": vlm_part, **workers}
    ready = all(part.ok for part in parts.values())
    shown = Readiness(status="ready" if ready else "waiting", parts=parts).model_dump()
    return JSONResponse(shown) if ready else JSONResponse(shown, status_code=503, headers={"Retry-After": "2"})


async def _ping(services: Services) -> None:
    await services.redis.execute_command("PING")


async def _part(check: Awaitable[str | None]) -> Part:
    try:
        return Part(ok=True, detail=await asyncio.wait_for(check, CHECK_S) or "answers")
    except DiptychError as error:
        return Part(ok=False, detail=error.message)
    except (RedisError, SQLAlchemyError, OSError, TimeoutError):
        return Part(ok=False, detail="does not answer")


async def seen_workers(services: Services) -> list[WorkerPresence]:
    """Those that announced themselves lately; without Redis nobody can be seen."""
    try:
        return await asyncio.wait_for(live_workers(services.redis), CHECK_S)
    except (RedisError, OSError, TimeoutError):
        return []


async def _workers(services: Services) -> dict[str, Part]:
    """One part per role of worker."""
    alive = await seen_workers(services)
    parts: dict[str, Part] = {}
    for role in Queue:
        mine = [f"{worker.model} on {worker.device}" for worker in alive if worker.worker == role]
        parts[f"worker-{role}"] = Part(ok=bool(mine), detail=", ".join(mine) or "none is running")
    return parts
