"""What was measured of this machine, in a file: once, and read by every process that begins later.

Knows no networks. Processes that need the same measurement at once wait for the one that takes it.
"""

import contextlib
import fcntl
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

Format = Literal["float32", "bfloat16"]
V = TypeVar("V")
WAYS = 2
"""Counted up when networks come to compute in another way (alike.py): then all is measured anew."""
log = logging.getLogger(__name__)


class Capacity(BaseModel):
    """What was measured of batches of one shape."""

    model_config = ConfigDict(frozen=True)

    row_s: dict[int, float]
    """Seconds per row, by rows of the batch."""
    most_rows: int
    """Beyond which more rows do not pay."""
    alike: dict[int, int]
    """By the rows of one picture (1, or 2 with guidance): the most rows up to which every batch of such pictures has
    the bits that it has alone."""


class Measured(BaseModel):
    """What the file has, by fingerprints of what was measured."""

    capacities: dict[str, Capacity] = {}
    threads: dict[str, int] = {}
    formats: dict[str, Format] = {}


class MeasuredFile:
    """May be used from several threads and processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = self.read()

    def read(self) -> Measured:
        """What is known; nothing where the file is not there or cannot be read."""
        try:
            return Measured.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return Measured()
        except ValidationError:
            log.warning("%s cannot be read; everything is measured anew", self._path)
            return Measured()

    def known(self, part: Callable[[Measured], dict[str, V]], key: str) -> V | None:
        """What a part of the file had under the key, when it was last read or written here."""
        return part(self._known).get(key)

    def remembered(self, part: Callable[[Measured], dict[str, V]], key: str, measure: Callable[[], V]) -> V:
        """What a part of the file has under the key, or else what `measure` finds, which is kept."""
        known = self._known
        if key not in part(known):
            with self.extended() as known:
                if key not in part(known):  # nobody has measured it meanwhile
                    part(known)[key] = measure()
            self._known = known
        return part(known)[key]

    @contextlib.contextmanager
    def extended(self) -> Iterator[Measured]:
        """What is known, for one at a time who adds to it while the context is open; it is kept at the end."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            measured = self.read()
            yield measured
            with tempfile.NamedTemporaryFile("w", dir=self._path.parent, prefix=".new-", delete=False) as file:
                file.write(measured.model_dump_json(indent=1))
            Path(file.name).replace(self._path)


def fingerprint(device: torch.device, config: Mapping[str, Any], *about: Any) -> str:
    """Of all that a measurement depends on: the device, how torch uses it, a network's form, and what JSON can say of
    the rest. In which folder a network stands, and what wrote it there (names with `_`), does not matter."""
    on_gpu = device.type == "cuda"
    kind = torch.cuda.get_device_name(device) if on_gpu else str(torch.cpu.get_capabilities())
    form = {name: str(value) for name, value in config.items() if not name.startswith("_")}
    whole = (WAYS, kind, torch.__version__, torch.get_num_threads(), os.environ.get("MKL_CBWR"), form, *about)
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()
