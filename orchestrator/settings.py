"""The orchestrator's settings: where it listens, which VLM it asks, and the bounds of a turn."""

import hashlib
import ipaddress
from typing import Self

from pydantic import Field, SecretStr, model_validator

from shared.settings import Settings


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class OrchestratorSettings(Settings):
    """Read once at start; wrong values stop the start."""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but loopback needs an API key."""

    port: int = Field(default=8000, ge=1, le=65535)
    """Port to listen on."""

    public_url: str = ""
    """How clients reach this server, for links; empty: the bound address."""

    api_key: SecretStr = SecretStr("")
    """Key that clients must send as `Authorization: Bearer …`, or several with commas between them, each with jobs,
    conversations and files of its own; empty: none, and only loopback may be bound."""

    vlm_url: str = "http://127.0.0.1:8001/v1"
    """Base URL of the OpenAI-compatible server of the VLM."""

    vlm_name: str = ""
    """Model name to ask that server for; empty: the first that it lists."""

    vlm_key: SecretStr = SecretStr("")
    """Key for that server."""

    vlm_timeout_s: float = Field(default=120, gt=0)
    """Longest silence of the VLM before the turn fails."""

    vlm_busy_s: float = Field(default=30, ge=0)
    """How long a turn waits for a VLM that answers 429 before it fails with 429 itself."""

    vlm_away_s: float = Field(default=10, ge=0)
    """How long a turn waits for a VLM that cannot be reached, as while it is started again, before it fails."""

    turn_s: float = Field(default=600, gt=0)
    """Longest time for one turn, all its jobs included."""

    max_turns: int = Field(default=256, ge=1)
    """Requests of one key that one orchestrator answers at a time; one more is answered 429."""

    max_queued: int = Field(default=100, ge=1)
    """Jobs of one key that may wait in one queue; one more is answered 429."""

    job_s: float = Field(default=300, gt=0)
    """Longest time for one job, its wait in the queue included."""

    stop_s: int = Field(default=5, ge=0)
    """Seconds that answers have to end after SIGTERM; a response that has not ended by then is gone on with by the next
    process."""

    inspect_s: float = Field(default=10, gt=0)
    """How long a turn waits until its pictures have been looked for text; then it goes on without."""

    worker_grace_s: float = Field(default=20, gt=0)
    """How long a queued job waits for a worker of its kind to appear before it fails."""

    max_steps: int = Field(default=6, ge=1, le=50)
    """Answers of the VLM in one turn; the last one is asked for without tools."""

    max_calls: int = Field(default=4, ge=1, le=20)
    """Tool calls in one turn."""

    max_format_errors: int = Field(default=3, ge=1)
    """Unusable answers of the VLM in a row before the turn fails."""

    max_body_mb: int = Field(default=64, ge=1)
    """Largest request body."""

    max_images: int = Field(default=16, ge=1)
    """Pictures in one conversation."""

    result_chars: int = Field(default=6000, ge=100)
    """Characters of a text that the VLM itself gets to see in a tool result; people always get all of it."""

    compact_chars: int = Field(default=6000, ge=100)
    """Characters of what was said that a compaction keeps, the newest first."""

    @model_validator(mode="after")
    def _public_address_needs_a_key(self) -> Self:
        if not is_loopback(self.host) and not self.keys:
            raise ValueError(f"{self.host} is not a loopback address: set DIPTYCH_API_KEY to listen there")
        return self

    @property
    def base_url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys; none where none is asked for."""
        return tuple(filter(None, (key.strip() for key in self.api_key.get_secret_value().split(","))))


def owner_of_key(key: str) -> str:
    """The owner of what is made with a key: a digest, never the key."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


LOCAL = "local"
"""The owner of what is made where no key is asked for."""
