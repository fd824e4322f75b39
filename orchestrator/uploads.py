"""Pictures and PDFs that clients send: decoded in a limited process, stored without metadata, known again by their
bytes.

Stateless clients send the same picture with every turn; a small memory spares decoding it again.
"""

import asyncio
import hashlib
from collections import OrderedDict
from typing import Literal

from shared import imaging
from shared.artifacts import ArtifactStore

REMEMBERED = 4096
DECODERS = 2
Kind = Literal["picture", "mask", "pdf"]


class Uploads:
    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._known: OrderedDict[bytes, tuple[str, ...]] = OrderedDict()
        self._slots = asyncio.Semaphore(DECODERS)

    async def keep(self, data_url: str) -> str:
        """The artifact id of the picture in a data URL. Raises InvalidImage, RemoteImageRefused."""
        declared, data = imaging.parse_data_url(data_url)
        return await self.keep_picture(data, declared)

    async def keep_picture(self, data: bytes, declared: str | None = None) -> str:
        """The artifact id of a picture. Raises InvalidImage."""
        return (await self._keep("picture", data, declared))[0]

    async def keep_mask(self, data: bytes) -> str:
        """The artifact id of the mask that a picture's transparency is. Raises InvalidImage."""
        return (await self._keep("mask", data, None))[0]

    async def keep_document(self, data: bytes) -> tuple[str, ...]:
        """The artifact ids of a PDF's pages, in order; of a picture, just its own. Raises InvalidFile, InvalidImage."""
        return await self._keep("pdf" if imaging.is_pdf(data) else "picture", data, None)

    async def _keep(self, kind: Kind, data: bytes, declared: str | None) -> tuple[str, ...]:
        digest = hashlib.sha256(f"{kind} {declared}\n".encode() + data).digest()
        if digest not in self._known:
            async with self._slots:
                self._known[digest] = await asyncio.to_thread(self._decode, kind, data, declared)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(digest)
        return self._known[digest]

    def _decode(self, kind: Kind, data: bytes, declared: str | None) -> tuple[str, ...]:
        if kind == "pdf":
            decoded = imaging.render_pdf(data)
        else:
            decoded = (imaging.decode_mask(data) if kind == "mask" else imaging.decode(data, declared),)
        return tuple(self._store.put(picture.png, "image/png") for picture in decoded)
