"""What a supervisor is given to run: parts as data. Knows neither Diptych's own parts nor how processes are started."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Self


@dataclass(frozen=True)
class Part:
    """One process that is kept alive."""

    name: str
    """How `status` and the log file call it."""

    command: tuple[str, ...]

    environment: Mapping[str, str] = field(default_factory=dict)
    """What is added to the supervisor's own environment."""

    port: int | None = None
    """The TCP port on 127.0.0.1 that it listens on, where it has one."""

    foundation: bool = False
    """The others lean on it: its port is awaited before they start, and it is stopped after they have ended."""


@dataclass(frozen=True)
class Plan:
    """All parts of one running system, in the order in which they start."""

    address: str
    """Base URL that people and clients use."""

    parts: tuple[Part, ...]

    first_pause_s: float = 0.5
    """Pause before a dead part is started again; doubles with each death in a row."""

    longest_pause_s: float = 5.0
    """Short beside a lease: jobs that crash their worker one after the other must not keep their neighbours waiting."""

    stable_after_s: float = 60.0
    """A part that lived this long counts as sound again: the next pause is the first one."""

    stop_within_s: float = 20.0
    """How long parts may take to end after SIGTERM before their process groups get SIGKILL."""

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        raw = json.loads(text)
        parts = tuple(Part(**{**part, "command": tuple(part["command"])}) for part in raw.pop("parts"))
        return cls(parts=parts, **raw)
