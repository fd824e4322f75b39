"""Files that are uploaded once and named by id: what was sent is kept as it was, beside the pictures it shows.

The one way from a file id, or from a file sent inline, to artifacts that a conversation can hold. Knows no HTTP.
"""

import asyncio
import base64
import binascii
import re
import secrets
import time

from orchestrator.records.files import FileRecord, FileRecords, Purpose
from orchestrator.uploads import Uploads
from shared import imaging
from shared.artifacts import ArtifactStore
from shared.errors import InvalidFile, InvalidImage

MAX_NAME = 255
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
NOT_BASE64 = "The file's data is not valid base64. Send it as data:<type>;base64,… ."


class Files:
    """The files of all owners."""

    def __init__(self, records: FileRecords, store: ArtifactStore, uploads: Uploads) -> None:
        self.records = records
        self._store = store
        self._uploads = uploads

    async def add(
        self, owner: str, filename: str, data: bytes, purpose: Purpose, expires_after_s: int | None
    ) -> FileRecord:
        """Decode and keep a picture or PDF. Raises InvalidFile, InvalidImage."""
        pages = await self._pages(data)
        media_type = "application/pdf" if imaging.is_pdf(data) else imaging.sniff(data)
        created_at = time.time()
        record = FileRecord(
            id=f"file-{secrets.token_hex(12)}",
            owner=owner,
            filename=_clean_name(filename),
            purpose=purpose,
            bytes=len(data),
            original=await asyncio.to_thread(self._store.put, data, media_type),
            pages=pages,
            created_at=created_at,
            expires_at=None if expires_after_s is None else created_at + expires_after_s,
        )
        await asyncio.to_thread(self.records.add, record)
        return record

    async def original(self, record: FileRecord) -> bytes:
        """The bytes as they were sent."""
        return await asyncio.to_thread(self._store.get, record.original)

    async def artifacts_of(self, file_id: str, owner: str) -> tuple[str, ...]:
        """The artifact ids of the pictures that a file shows: itself, or the pages of a PDF. Raises NotFound."""
        return (await asyncio.to_thread(self.records.get, file_id, owner)).pages

    async def artifacts_in(self, file_data: str) -> tuple[str, ...]:
        """The same for a file sent inline, as a data URL or as bare base64. Raises InvalidFile, InvalidImage."""
        encoded = file_data.partition(",")[2] if file_data.startswith("data:") else file_data
        try:
            data = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            raise InvalidFile(NOT_BASE64) from None
        return await self._pages(data)

    async def _pages(self, data: bytes) -> tuple[str, ...]:
        try:
            return await self._uploads.keep_document(data)
        except InvalidImage as error:
            if error.code == "unsupported_image_media_type":
                raise imaging.file_refusal("unsupported_file_type") from None
            raise


def _clean_name(filename: str) -> str:
    """A name that every database can hold and every terminal can show."""
    return UNPRINTABLE.sub("_", filename)[-MAX_NAME:] or "upload"
