"""`/v1/files`: pictures and PDFs that are uploaded once and then named by id, in OpenAI's form."""

import asyncio
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import APIRouter, Form, Query, Response, UploadFile
from pydantic import BaseModel

from orchestrator.records.files import FileRecord, Purpose
from orchestrator.wiring import OwnerDep, ServicesDep
from shared.artifacts import MEDIA_TYPES, media_type_of
from shared.errors import InvalidRequest

router = APIRouter()
MAX_PAGE = 10_000
EXPIRY = "expires_after needs both expires_after[anchor]=created_at and expires_after[seconds] (3600 to 2592000)."


class FileObject(BaseModel):
    """A file as OpenAI's clients know it."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    expires_at: int | None
    filename: str
    purpose: Purpose
    status: Literal["processed"] = "processed"


class FileList(BaseModel):
    object: Literal["list"] = "list"
    data: list[FileObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class FileDeleted(BaseModel):
    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


def _shown(record: FileRecord) -> FileObject:
    return FileObject(
        id=record.id,
        bytes=record.bytes,
        created_at=int(record.created_at),
        expires_at=None if record.expires_at is None else int(record.expires_at),
        filename=record.filename,
        purpose=record.purpose,
    )


@router.post("/v1/files")
async def create_file(
    *,
    services: ServicesDep,
    owner: OwnerDep,
    file: UploadFile,
    purpose: Annotated[Purpose, Form()],
    anchor: Annotated[Literal["created_at"] | None, Form(alias="expires_after[anchor]")] = None,
    seconds: Annotated[int | None, Form(alias="expires_after[seconds]", ge=3600, le=2_592_000)] = None,
) -> FileObject:
    """Upload a picture (PNG, JPEG, WebP, GIF) or a PDF of up to 16 pages. It is decoded at once, or refused."""
    if (anchor is None) != (seconds is None):
        raise InvalidRequest(EXPIRY, param="expires_after")
    record = await services.files.add(owner, file.filename or "", await file.read(), purpose, seconds)
    services.planner.arrived(record.pages, owner)
    return _shown(record)


@router.get("/v1/files")
async def list_files(
    *,
    services: ServicesDep,
    owner: OwnerDep,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = MAX_PAGE,
    order: Literal["asc", "desc"] = "desc",
    after: str | None = None,
    purpose: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = None,
) -> FileList:
    """One's own files, by the time of their upload."""
    records, has_more = await asyncio.to_thread(
        services.files.records.page, owner, limit=limit, newest_first=order == "desc", after=after, purpose=purpose
    )
    shown = [_shown(record) for record in records]
    first, last = (shown[0].id, shown[-1].id) if shown else (None, None)
    return FileList(data=shown, first_id=first, last_id=last, has_more=has_more)


@router.get("/v1/files/{file_id}")
async def get_file(file_id: str, services: ServicesDep, owner: OwnerDep) -> FileObject:
    """What is known of a file."""
    return _shown(await asyncio.to_thread(services.files.records.get, file_id, owner))


@router.delete("/v1/files/{file_id}")
async def delete_file(file_id: str, services: ServicesDep, owner: OwnerDep) -> FileDeleted:
    """Forget a file. Conversations that hold its pictures already keep them."""
    await asyncio.to_thread(services.files.records.delete, file_id, owner)
    return FileDeleted(id=file_id)


BYTES = {"schema": {"type": "string", "format": "binary"}}


@router.get(
    "/v1/files/{file_id}/content",
    response_class=Response,
    responses={200: {"description": "The bytes.", "content": dict.fromkeys(MEDIA_TYPES.values(), BYTES)}},
)
async def get_file_content(file_id: str, services: ServicesDep, owner: OwnerDep) -> Response:
    """The bytes as they were uploaded."""
    record = await asyncio.to_thread(services.files.records.get, file_id, owner)
    name = quote(record.filename, safe="")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    return Response(await services.files.original(record), media_type=media_type_of(record.original), headers=headers)
