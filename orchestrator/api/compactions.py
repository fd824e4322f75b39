"""Compacted conversations as clients carry them: opaque, and readable again only here and for the same owner."""

import hashlib

from itsdangerous import BadData, URLSafeSerializer

from orchestrator.items import Item, items_adapter
from shared.errors import InvalidRequest


def _serializer(secret: bytes, owner: str) -> URLSafeSerializer:
    signing = {"digest_method": hashlib.sha256}
    return URLSafeSerializer(secret, salt=f"diptych.compaction.{owner}", signer_kwargs=signing)


def seal(items: tuple[Item, ...], secret: bytes, owner: str) -> str:
    """The items as compressed, signed text."""
    sealed = _serializer(secret, owner).dumps(items_adapter.dump_python(items, mode="json"))
    return sealed if isinstance(sealed, str) else sealed.decode()


def unseal(content: str, secret: bytes, owner: str) -> tuple[Item, ...]:
    """Raises InvalidRequest for anything that was not sealed here for that owner."""
    try:
        return items_adapter.validate_python(_serializer(secret, owner).loads(content))
    except BadData:
        message = "The compaction's encrypted_content cannot be read here. Send it exactly as it was given."
        raise InvalidRequest(message, param="input") from None
