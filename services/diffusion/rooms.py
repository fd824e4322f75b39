"""How many rows the batches of each shape have room for: one picture's, until it is measured beside the painting.

So nobody waits for a measurement, which takes seconds for each shape. Knows no requests.
"""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError

import torch

from services.diffusion.capacity import Capacities, print_of
from services.diffusion.lane import working_device
from services.diffusion.measured import Capacity
from services.diffusion.passes import Passes
from services.diffusion.prompts import Conditioning

log = logging.getLogger(__name__)


class Room:
    """For pictures of one denoiser and one shape."""

    def __init__(self, capacity: Capacity | None) -> None:
        """`capacity`: None until it is measured."""
        self.capacity = capacity

    def rows(self, lone: int, *, exact: bool) -> int:
        """Of a batch, as far as is known by now. `lone`: those of the picture that asks."""
        if self.capacity is None:
            return lone
        return self.capacity.alike[lone] if exact else self.capacity.most_rows


class Rooms:
    """Those of one painter. May be used from several threads."""

    def __init__(self, capacities: Capacities) -> None:
        self._capacities = capacities
        self._rooms: dict[str, Room] = {}
        self._lock = threading.Lock()

    def of(self, passes: Passes, row: Conditioning, shape: Sequence[int]) -> Room:
        """At once; see Capacities.of. One that nobody knows begins to be measured."""
        key = print_of(passes.denoiser, row, shape)
        with self._lock:
            room = self._rooms.get(key)
            if room is None:
                room = self._rooms[key] = Room(self._capacities.known(key))
                if room.capacity is None:
                    given = room, passes, row, shape
                    threading.Thread(target=self._measure, args=given, name="measuring", daemon=True).start()
        return room

    @working_device()
    def _measure(self, room: Room, passes: Passes, row: Conditioning, shape: Sequence[int]) -> None:
        try:
            room.capacity = self._capacities.of(passes, row, shape)
        except torch.AcceleratorError:
            raise
        except CancelledError:  # the engine was closed
            return
        except Exception:
            log.exception("pictures of %s are painted one by one: it could not be measured what else", list(shape))
