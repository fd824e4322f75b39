"""Pictures that clients send: decoded in a limited process, stored without metadata, known again by their bytes.

Stateless clients send the same picture with every turn; a small memory spares decoding it again.
"""

import asyncio
import hashlib
from collections import OrderedDict

from shared import imaging
from shared.artifacts import ArtifactStore

REMEMBERED = 4096
DECODERS = 2


class Uploads:
    def __init__(self, store: ArtifactStore) -> None:
        self._store = store
        self._known: OrderedDict[bytes, str] = OrderedDict()
        self._slots = asyncio.Semaphore(DECODERS)

    async def keep(self, data_url: str) -> str:
        """The artifact id of the picture in a data URL. Raises InvalidImage, RemoteImageRefused."""
        declared, data = imaging.parse_data_url(data_url)
        digest = hashlib.sha256(f"{declared}\n".encode() + data).digest()
        if digest not in self._known:
            async with self._slots:
                decoded = await asyncio.to_thread(imaging.decode, data, declared)
            self._known[digest] = await asyncio.to_thread(self._store.put, decoded.png, "image/png")
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        self._known.move_to_end(digest)
        return self._known[digest]
