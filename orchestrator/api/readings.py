"""`GET /v1/jobs/{id}/reading`: the text that a job read, in the form that is asked for. Knows no text itself."""

from collections.abc import Callable
from typing import Any, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from orchestrator.api.jobs import own_job
from orchestrator.wiring import OwnerDep, ServicesDep
from shared.errors import Conflict, InvalidRequest
from shared.jobs import JobKind
from shared.reading_forms import as_hocr, as_markdown, pairs_of, tables_of
from shared.text_jobs import TextLine, TextRead

router = APIRouter()
HEADERS = {"X-Content-Type-Options": "nosniff", "Content-Security-Policy": "default-src 'none'; sandbox"}
"""What was read may look like anything; a browser shall not run it."""


class TableObject(BaseModel):
    first_line: int
    """Of the reading's lines, from 1."""
    rows: tuple[tuple[str, ...], ...]


class PairObject(BaseModel):
    key: str
    value: str


class ReadingObject(BaseModel):
    """All that was read, with its places in pixels of the picture."""

    object: Literal["diptych.reading"] = "diptych.reading"
    text: str
    lines: tuple[TextLine, ...]
    tables: tuple[TableObject, ...]
    pairs: tuple[PairObject, ...]
    """Keys and values of forms and receipts."""
    width: int
    height: int
    turned: int
    mirrored: bool
    complete: bool
    note: str
    engine: str


def as_object(read: TextRead) -> str:
    kept = ReadingObject.model_fields.keys() & TextRead.model_fields.keys()
    return ReadingObject(
        **{name: getattr(read, name) for name in kept},
        text=read.text,
        tables=tuple(TableObject(first_line=table.first + 1, rows=table.rows) for table in tables_of(read)),
        pairs=tuple(PairObject(key=key, value=value) for key, value in pairs_of(read)),
    ).model_dump_json()


FORMS: dict[str, tuple[str, Callable[[TextRead], str]]] = {
    "text": ("text/plain", lambda read: read.text),
    "markdown": ("text/markdown", as_markdown),
    "json": ("application/json", as_object),
    "hocr": ("text/html", as_hocr),
}
DESCRIBED: dict[str, Any] = {
    "model": ReadingObject,
    "description": "The text; Markdown has tables in it, JSON and hOCR the boxes of lines and words.",
    "content": {media: {"schema": {"type": "string"}} for media, _ in FORMS.values() if media != "application/json"},
}


@router.get("/v1/jobs/{job_id}/reading", response_class=Response, responses={200: DESCRIBED})
async def get_reading(
    job_id: str,
    services: ServicesDep,
    owner: OwnerDep,
    format: Literal["text", "markdown", "json", "hocr"] = "json",
) -> Response:
    """What a job has read: plain, as Markdown with tables, as JSON or as hOCR."""
    job = await own_job(job_id, services, owner)
    if job.kind is not JobKind.READ_TEXT:
        raise InvalidRequest("The job reads no text; only jobs of the kind read_text do.", code="not_a_reading")
    if not isinstance(job.output, TextRead):
        raise Conflict(f"There is no text yet, or none came of it: the job is {job.status}.", code="no_reading")
    media_type, form = FORMS[format]
    return Response(form(job.output), media_type=media_type, headers=HEADERS)
