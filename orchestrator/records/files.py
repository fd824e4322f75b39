"""The record of uploaded files, in SQL beside the ledger: who owns which, under which name, and its artifacts.

Files of another owner, and files whose time is over, are as if they had never been. Methods block for milliseconds.
"""

import re
import time
from typing import Literal

import sqlalchemy as sa

from orchestrator.records.paging import page_of
from shared.database import metadata
from shared.errors import NotFound
from shared.jobs import Frozen

files = sa.Table(
    "files",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("owner", sa.String(80), nullable=False),
    sa.Column("filename", sa.String(255), nullable=False),
    sa.Column("purpose", sa.String(20), nullable=False),
    sa.Column("bytes", sa.Integer, nullable=False),
    sa.Column("original", sa.String(80), nullable=False),
    sa.Column("pages", sa.JSON, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    sa.Column("expires_at", sa.Double),
    sa.Index("files_of_owner", "owner", "created_at"),
)
ID = re.compile(r"file-[0-9a-f]{24}")
Purpose = Literal["assistants", "user_data", "vision"]


class FileRecord(Frozen):
    id: str
    owner: str
    filename: str
    purpose: Purpose
    bytes: int
    """Size of the original."""
    original: str
    """Artifact id of what was sent."""
    pages: tuple[str, ...]
    """Artifact ids of what a model gets to see: the picture, or the pages of the PDF."""
    created_at: float
    expires_at: float | None = None


class FileRecords:
    """All reads and writes of the files table."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def add(self, record: FileRecord) -> None:
        """Also forgets whatever has expired by now, of all owners."""
        with self._engine.begin() as connection:
            connection.execute(files.delete().where(files.c.expires_at <= time.time()))
            connection.execute(files.insert().values(record.model_dump(mode="json")))

    def get(self, file_id: str, owner: str) -> FileRecord:
        """Raises NotFound."""
        row = None
        if ID.fullmatch(file_id):
            with self._engine.connect() as connection:
                wanted = sa.select(files).where(files.c.id == file_id, *_visible(owner))
                row = connection.execute(wanted).mappings().first()
        if row is None:
            raise NotFound("There is no such file. It may have been deleted or have expired, or the id is misspelt.")
        return FileRecord.model_validate(dict(row))

    def delete(self, file_id: str, owner: str) -> None:
        """Raises NotFound."""
        self.get(file_id, owner)
        with self._engine.begin() as connection:
            connection.execute(files.delete().where(files.c.id == file_id, files.c.owner == owner))

    def page(
        self, owner: str, *, limit: int, newest_first: bool, after: str | None, purpose: str | None
    ) -> tuple[list[FileRecord], bool]:
        """At most `limit` files that follow `after` in the order, and whether more follow. Raises NotFound."""
        order = (files.c.created_at, files.c.id)
        wanted = sa.select(files).where(*_visible(owner))
        if purpose is not None:
            wanted = wanted.where(files.c.purpose == purpose)
        cursor = None if after is None else self.get(after, owner)
        place = None if cursor is None else (cursor.created_at, cursor.id)
        page = page_of(wanted, order, after=place, limit=limit, newest_first=newest_first)
        with self._engine.connect() as connection:
            rows = connection.execute(page).mappings().all()
        return [FileRecord.model_validate(dict(row)) for row in rows[:limit]], len(rows) > limit


def _visible(owner: str) -> tuple[sa.ColumnElement[bool], ...]:
    return files.c.owner == owner, sa.or_(files.c.expires_at.is_(None), files.c.expires_at > time.time())
