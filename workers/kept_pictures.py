"""Pictures that were painted before: the same request to the same painter is only looked up. Knows no painting.

The request itself is an artifact, and what came of it is kept as derived from that.
"""

import hashlib

from pydantic import ValidationError

from shared.artifacts import ArtifactStore, artifact_id_of
from shared.errors import NotFound
from shared.jobs import EditImage, GeneratedImage, GenerateImage

MEDIA_TYPE = "application/octet-stream"


class KeptPictures:
    """Results of one painter by their requests."""

    def __init__(self, store: ArtifactStore, painter: str) -> None:
        """`painter`: what tells it from all that paint otherwise."""
        self._store = store
        self._name = f"painted-{hashlib.sha256(painter.encode()).hexdigest()[:32]}"

    def find(self, work: GenerateImage | EditImage) -> GeneratedImage | None:
        """What came of the same request, where its pictures are still there and nobody asks for a fresh one."""
        if work.fresh:
            return None
        known = self._store.derived(artifact_id_of(_request(work), MEDIA_TYPE), self._name)
        if known is None:
            return None
        try:
            found = GeneratedImage.model_validate_json(known)
            for artifact in (found.artifact, *(candidate.artifact for candidate in found.candidates)):
                self._store.get(artifact)
        except (ValidationError, NotFound):
            return None
        return found.model_copy(update={"kept": True})

    def keep(self, work: GenerateImage | EditImage, image: GeneratedImage) -> None:
        """Remember what came of a request."""
        request = self._store.put(_request(work), MEDIA_TYPE)
        self._store.derive(request, self._name, image.model_dump_json().encode())


def _request(work: GenerateImage | EditImage) -> bytes:
    return work.model_dump_json(exclude={"fresh"}).encode()
