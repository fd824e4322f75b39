"""Signed, absolute links to artifacts: they open without a key, in any client. Knows no storage and no HTTP."""

import hashlib
import re
from dataclasses import dataclass

from itsdangerous import Signer

from shared.errors import LinkInvalid

MARKDOWN_IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<url>[^)\s]+)\)")
PATH = "/v1/artifacts/"


@dataclass(frozen=True)
class Links:
    """Makes and checks links below one base URL."""

    base_url: str
    secret: bytes

    def link(self, artifact_id: str) -> str:
        return f"{self.base_url}{PATH}{artifact_id}?sig={self._signature(artifact_id)}"

    def check(self, artifact_id: str, signature: str) -> None:
        """Raises LinkInvalid."""
        if not self._signer().verify_signature(artifact_id.encode(), signature):
            raise LinkInvalid("This link's signature is wrong. Use the link exactly as it was given.")

    def artifact_of(self, url: str) -> str | None:
        """The artifact behind one of our own links; None for any other URL, or a wrong signature."""
        path, _, signature = url.removeprefix(self.base_url).partition("?sig=")
        artifact_id = path.removeprefix(PATH)
        if not url.startswith(self.base_url + PATH):
            return None
        return artifact_id if self._signer().verify_signature(artifact_id.encode(), signature) else None

    def _signature(self, artifact_id: str) -> str:
        return self._signer().get_signature(artifact_id.encode()).decode()

    def _signer(self) -> Signer:
        return Signer(self.secret, salt=b"diptych.artifact", digest_method=hashlib.sha256)


def markdown_image(alt: str, url: str) -> str:
    """A Markdown image whose alternative text cannot break out of its brackets."""
    clean = re.sub(r"[\[\]\\\s]+", " ", alt).strip()
    return f"![{clean}]({url})"
