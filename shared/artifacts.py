"""Where pictures and uploaded files are kept: content-addressed, written once, never changed. Knows no meanings.

An artifact's id is the SHA-256 of its bytes and its ending. What was worked out from it is kept beside it, and goes
with it. `ArtifactStore` is the seam for other places (S3).
"""

import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import Protocol

from shared.errors import NotFound, StorageFailed
from shared.failpoints import failpoint

MEDIA_TYPES = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "pdf": "application/pdf",
    "bin": "application/octet-stream",
}
ENDINGS = {media_type: ending for ending, media_type in MEDIA_TYPES.items()}
MISSING = "There is no such artifact. It may have been deleted, or the id is misspelt."
ID_PATTERN = re.compile(r"[0-9a-f]{64}\.(png|jpg|webp|gif|pdf|bin)")
NAME_PATTERN = re.compile(r"[a-z0-9-]{1,100}")


def media_type_of(artifact_id: str) -> str:
    return MEDIA_TYPES[artifact_id.rpartition(".")[2]]


def artifact_id_of(data: bytes, media_type: str) -> str:
    """The id that these bytes have in every store."""
    return f"{hashlib.sha256(data).hexdigest()}.{ENDINGS[media_type]}"


class ArtifactStore(Protocol):
    def put(self, data: bytes, media_type: str) -> str:
        """Keep the bytes and return their id; the same bytes again are kept once. Raises StorageFailed."""
        ...

    def get(self, artifact_id: str) -> bytes:
        """The bytes. Raises NotFound."""
        ...

    def delete(self, artifact_id: str) -> None:
        """Forget bytes that nothing else can have stored, and what was derived; what is not there is left so."""
        ...

    def derive(self, artifact_id: str, name: str, data: bytes) -> None:
        """Keep what was worked out from an artifact, under a name of lower-case letters, digits and `-`.

        Raises StorageFailed; NotFound where there is no such artifact.
        """
        ...

    def derived(self, artifact_id: str, name: str) -> bytes | None:
        """What was worked out from it before, where it was kept."""
        ...


class DirectoryArtifactStore:
    """Artifacts as files in a folder that all processes share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: bytes, media_type: str) -> str:
        artifact_id = artifact_id_of(data, media_type)
        path = self._path(artifact_id)
        if not path.exists():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._write(path, data)
            except OSError as error:
                raise StorageFailed(error.strerror or type(error).__name__) from error
            failpoint("artifact.kept")
        return artifact_id

    def get(self, artifact_id: str) -> bytes:
        if ID_PATTERN.fullmatch(artifact_id):
            try:
                return self._path(artifact_id).read_bytes()
            except FileNotFoundError:
                pass
        raise NotFound(MISSING)

    def delete(self, artifact_id: str) -> None:
        if ID_PATTERN.fullmatch(artifact_id):
            path = self._path(artifact_id)
            for one in (path, *path.parent.glob(f"{artifact_id}.*")):
                one.unlink(missing_ok=True)

    def derive(self, artifact_id: str, name: str, data: bytes) -> None:
        path = self._derived_path(artifact_id, name)
        if path is None or not self._path(artifact_id).exists():
            raise NotFound(MISSING)
        try:
            self._write(path, data)
        except OSError as error:
            raise StorageFailed(error.strerror or type(error).__name__) from error

    def derived(self, artifact_id: str, name: str) -> bytes | None:
        path = self._derived_path(artifact_id, name)
        try:
            return path.read_bytes() if path else None
        except FileNotFoundError:
            return None

    def _derived_path(self, artifact_id: str, name: str) -> Path | None:
        if not ID_PATTERN.fullmatch(artifact_id) or not NAME_PATTERN.fullmatch(name):
            return None
        return self._path(artifact_id).with_name(f"{artifact_id}.{name}")

    def _path(self, artifact_id: str) -> Path:
        return self._folder / artifact_id[:2] / artifact_id

    @staticmethod
    def _write(path: Path, data: bytes) -> None:
        """Whole or not at all, also across a power cut: temporary name, fsync, rename, fsync of the folder."""
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
            try:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
                failpoint("artifact.written")
                Path(file.name).replace(path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
