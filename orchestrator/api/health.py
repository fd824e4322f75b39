"""`/healthz`: this process lives. `/readyz`: every part that a chat needs is there, or which one is missing."""

import asyncio
from collections.abc import Awaitable
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from orchestrator.wiring import Services, ServicesDep
from shared.errors import DiptychError
from shared.jobs import WORKERS
from shared.presence import live_workers

router = APIRouter()
CHECK_S = 5.0


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """200 while the process serves."""
    return {"status": "ok"}


@router.get("/readyz")
async def readyz(services: ServicesDep) -> JSONResponse:
    """200 when a chat can use every tool, else 503; either way with the state of each part."""
    redis_part, ledger_part, vlm_part, workers = await asyncio.gather(
        _part(_ping(services)),
        _part(asyncio.to_thread(services.ledger.ping)),
        _part(services.vlm.check()),
        _workers(services),
    )
    parts = {"redis": redis_part, "ledger": ledger_part, "vlm": vlm_part, **workers}
    ready = all(part["ok"] for part in parts.values())
    shown = {"status": "ready" if ready else "waiting", "parts": parts}
    return JSONResponse(shown) if ready else JSONResponse(shown, status_code=503, headers={"Retry-After": "2"})


async def _ping(services: Services) -> None:
    await services.redis.execute_command("PING")


async def _part(check: Awaitable[str | None]) -> dict[str, Any]:
    try:
        return {"ok": True, "detail": await asyncio.wait_for(check, CHECK_S) or "answers"}
    except DiptychError as error:
        return {"ok": False, "detail": error.message}
    except (RedisError, SQLAlchemyError, OSError, TimeoutError):
        return {"ok": False, "detail": "does not answer"}


async def _workers(services: Services) -> dict[str, dict[str, Any]]:
    """One part per role of worker."""
    try:
        alive = await asyncio.wait_for(live_workers(services.redis), CHECK_S)
    except (RedisError, OSError, TimeoutError):
        alive = []
    parts: dict[str, dict[str, Any]] = {}
    for role in WORKERS:
        mine = [f"{worker.model} on {worker.device}" for worker in alive if worker.worker == role]
        parts[f"worker-{role}"] = {"ok": bool(mine), "detail": ", ".join(mine) or "none is running"}
    return parts
