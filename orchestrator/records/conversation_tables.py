"""The tables of conversations, and how what was said in them is made findable.

An item stands in them twice: as it is listed, and as what a VLM is shown of it, which may be several things (the calls
behind an answer, and what they returned).
"""

import unicodedata
from typing import Any

import sqlalchemy as sa

from orchestrator.links import MARKDOWN_IMAGE
from shared.database import metadata

OPENING_CHARS = 60
conversations = sa.Table(
    "conversations",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(80), nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("active_at", sa.Double, nullable=False),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Column("title", sa.Text, nullable=False),  # of its metadata, folded
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("held_by", sa.String(64)),  # the response that adds to it
    sa.Column("next_number", sa.Integer, nullable=False),
    sa.Index("conversations_of_owner", "owner", "active_at"),
)
items = sa.Table(
    "conversation_items",
    metadata,
    sa.Column("conversation_id", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("id", sa.String(200), nullable=False),
    sa.Column("owner", sa.String(80), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("said", sa.Text, nullable=False),
    sa.Column("opening", sa.String(OPENING_CHARS)),
    sa.Index("conversation_items_by_id", "id"),
)
memory = sa.Table(
    "conversation_memory",
    metadata,
    sa.Column("conversation_id", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("item_id", sa.String(200), nullable=False),
    sa.Column("item", sa.JSON, nullable=False),
)


def folded(text: str) -> str:
    """The text as it is compared: neither case nor the way of encoding a character counts. No NUL: PostgreSQL."""
    return unicodedata.normalize("NFKC", text).casefold().replace("\0", "")


def said_in(body: dict[str, Any]) -> str:
    """What a listed item says to people, without the addresses of pictures."""
    if body["type"] == "image_generation_call":
        return body.get("revised_prompt") or ""
    if body["type"] != "message" or body["role"] not in ("user", "assistant"):
        return ""
    text = "\n".join(part["text"] for part in body["content"] if "text" in part)
    return MARKDOWN_IMAGE.sub(lambda match: match["alt"], text)


def opening_of(body: dict[str, Any]) -> str | None:
    """The first words of a user's message; None where it has none, or is none."""
    if body.get("role") != "user":
        return None
    words = " ".join(said_in(body).replace("\0", "").split())
    if len(words) <= OPENING_CHARS:
        return words or None
    whole = words[: OPENING_CHARS - 1].rpartition(" ")[0] or words[: OPENING_CHARS - 1]
    return f"{whole}…"
