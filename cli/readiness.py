"""Asking the orchestrator how it is. Knows `/readyz`'s answer, not what stands behind it."""

from dataclasses import dataclass, field

import httpx


@dataclass(frozen=True)
class PartReadiness:
    ok: bool
    detail: str


@dataclass(frozen=True)
class Readiness:
    """What `/readyz` said; without parts where it did not answer."""

    ready: bool = False
    parts: dict[str, PartReadiness] = field(default_factory=dict)

    @property
    def waiting_for(self) -> list[str]:
        return [name for name, part in self.parts.items() if not part.ok]


def ask(address: str, *, timeout_s: float = 5.0) -> Readiness:
    """One request; a server that is not there or answers something else is simply not ready."""
    try:
        answer = httpx.get(f"{address}/readyz", timeout=timeout_s, trust_env=False)
        parts = {
            name: PartReadiness(ok=bool(part["ok"]), detail=str(part.get("detail", "")))
            for name, part in answer.json().get("parts", {}).items()
        }
    except (httpx.HTTPError, ValueError, AttributeError, KeyError, TypeError):
        return Readiness()
    return Readiness(ready=answer.is_success, parts=parts)
