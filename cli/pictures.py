"""Pictures in and out of a chat: files as data URLs, an answer's pictures as files."""

import base64
import binascii
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import httpx

MARKDOWN_IMAGE = re.compile(r"!\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
ARTIFACTS = "/v1/artifacts/"
SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png", ".png"),
    (b"\xff\xd8\xff", "image/jpeg", ".jpg"),
    (b"GIF8", "image/gif", ".gif"),
    (b"RIFF", "image/webp", ".webp"),
)


class PictureError(Exception):
    """The message tells a person what to do."""


def data_url(file: Path) -> str:
    """The file as a `data:` URL. Raises PictureError where it cannot be read or is no picture."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise PictureError(f"Cannot read {file}: {error.strerror}.") from error
    kind = _kind(content)
    if kind is None:
        raise PictureError(f"{file} is not a picture that can be sent: PNG, JPEG, WebP or GIF.")
    return f"data:{kind[0]};base64,{base64.b64encode(content).decode()}"


def links(text: str, extra: Iterable[str] = ()) -> list[str]:
    """The picture links of an answer, in order and each once; `data:` URLs only where there is no other."""
    found = list(dict.fromkeys([*MARKDOWN_IMAGE.findall(text), *extra]))
    return [link for link in found if not link.startswith("data:")] or found


def save(client: httpx.Client, link: str, folder: Path, number: int) -> Path:
    """Write one picture of an answer into the folder; an artifact keeps the first digits of its id as its name.

    Artifacts are fetched from the server that the client talks to, whatever public address the link names; a link
    to anywhere else is refused. Raises PictureError.
    """
    content, name = _from_data(link, number) if link.startswith("data:") else _fetch(client, link)
    kind = _kind(content)
    if kind is None:
        raise PictureError("What came back for a picture's link is not a picture.")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}{kind[1]}"
    file.write_bytes(content)
    return file


def _from_data(link: str, number: int) -> tuple[bytes, str]:
    try:
        return base64.b64decode(link.partition(",")[2], validate=True), f"picture-{number}"
    except binascii.Error as error:
        raise PictureError("The answer holds a picture that cannot be decoded.") from error


def _fetch(client: httpx.Client, link: str) -> tuple[bytes, str]:
    parts = urlsplit(link)
    _, found, artifact = parts.path.partition(ARTIFACTS)
    if not found:
        raise PictureError(f"The answer links to a picture elsewhere, which is not fetched: {link}")
    try:
        answer = client.get(f"{ARTIFACTS}{artifact}" + (f"?{parts.query}" if parts.query else ""))
    except httpx.HTTPError as error:
        raise PictureError(f"A picture could not be fetched: {error}") from error
    if not answer.is_success:
        raise PictureError(f"A picture could not be fetched: the server answered {answer.status_code}.")
    return answer.content, Path(artifact).stem[:12]


def _kind(content: bytes) -> tuple[str, str] | None:
    for signature, media_type, suffix in SIGNATURES:
        if content.startswith(signature) and (suffix != ".webp" or content[8:12] == b"WEBP"):
            return media_type, suffix
    return None
