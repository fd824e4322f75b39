"""What a response would start from: how many tokens it takes, what of its pictures' text the VLM resolves, and the same
shortened."""

import asyncio
import time
from typing import Any

from fastapi import APIRouter

from orchestrator.api.compactions import seal
from orchestrator.api.responses_document import CompactedResponse, InputTokens, answers
from orchestrator.api.responses_object import usage_of
from orchestrator.api.responses_schema import CompactRequest, CountRequest
from orchestrator.api.responses_start import context_of
from orchestrator.asking import count_tokens
from orchestrator.items import new_item_id
from orchestrator.reading_plan import PicturePlan
from orchestrator.wiring import OwnerDep, ServicesDep
from shared.events import Usage

router = APIRouter()


@router.post(
    "/v1/responses/input_tokens", response_model=None, responses=answers(InputTokens, "How many tokens it takes.")
)
async def count_input_tokens(body: CountRequest, services: ServicesDep, owner: OwnerDep) -> dict[str, Any]:
    """Tokens that the VLM would read first: the input with its pictures, tools and instructions.

    And what it resolves of the text in those pictures.
    """
    context = await context_of(body, services, owner)
    functions = body.functions.leaving_out(services.settings.left_out)
    plan, usage = await asyncio.gather(
        services.planner.plan(context.conversation, owner),
        count_tokens(services.vlm, context.conversation, functions, body.instructions or ""),
    )
    images = [_picture_text(handle, picture) for handle, picture in plan.pictures.items()]
    return {
        "object": "response.input_tokens",
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"image_tokens": usage.image_tokens, "images": images},
    }


def _picture_text(handle: str, plan: PicturePlan) -> dict[str, Any]:
    known, seen = plan.places is not None and plan.profile is not None, plan.seen
    return {
        "image": handle,
        "size": list(plan.size),
        "lines": len(seen) if known else None,
        "unresolved_lines": plan.unresolved if known else None,
        "unresolved_boxes": [list(box) for box in plan.unresolved_boxes] if known else None,
        "smallest_px": plan.places.heights[0] if plan.places and seen else None,
        "seen_px": seen[0] if seen else None,
        "needed_px": plan.profile.ocr_below_px if plan.profile else None,
        "note": plan.note,
    }


@router.post(
    "/v1/responses/compact", response_model=None, responses=answers(CompactedResponse, "What to send from now on.")
)
async def compact(body: CompactRequest, services: ServicesDep, owner: OwnerDep) -> dict[str, Any]:
    """The conversation shortened, as one item that is sent in place of it from now on.

    It keeps the newest messages word for word, and every picture and text by its handle.
    """
    context = await context_of(body, services, owner)
    items = context.conversation.compacted(services.settings.compact_chars)
    sealed = seal(items, services.links.secret, owner)
    return {
        "id": new_item_id("resp"),
        "object": "response.compaction",
        "created_at": int(time.time()),
        "output": [{"id": new_item_id("cmp"), "type": "compaction", "encrypted_content": sealed}],
        "usage": usage_of(Usage()),
    }
