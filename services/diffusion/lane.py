"""The engine's own lane on a device, beside that of all who encode and decode. Knows no pictures.

A GPU is only told what to do, and does it later, in the order of each stream. The engine has a stream for itself, which
goes before the default stream of all other threads, so that a decode never stands between two steps. Two rules keep
tensors whole between threads: who hands one on has first waited until the device has made it (`settled`), and who was
handed one keeps it until what was told to be done with it is done (`Mark`). A CPU has done all that it was told.
"""

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

DEVICE_LOST = 74
"""Exit status of a process whose device has failed; EX_IOERR of sysexits.h."""
log = logging.getLogger(__name__)


class Mark(Protocol):
    """A place in a lane."""

    def synchronize(self) -> None:
        """Return when the device has come to it. Raises torch.AcceleratorError where it fails before."""
        ...


class Lane:
    """The order in which one thread's work is done on a device."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device, priority=-1) if device.type == "cuda" else None

    def entered(self) -> contextlib.AbstractContextManager[object]:
        """While the context is open, what this thread tells the device to do goes into this lane."""
        return contextlib.nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

    def mark(self) -> Mark:
        """Behind all that the lane was told so far."""
        if self._stream is None:
            return torch.cpu.Event()
        mark = torch.cuda.Event(blocking=True)  # who waits for it leaves the processor to others
        mark.record(self._stream)
        return mark


def settled(device: torch.device) -> None:
    """Return when the device has done all that this thread has told it."""
    if device.type == "cuda":
        torch.cuda.current_stream(device).synchronize()


def sent(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host's memory on the device; nobody waits for the copy."""
    from_where = tensor.pin_memory() if device.type == "cuda" else tensor
    return from_where.to(device, non_blocking=True)


@contextlib.contextmanager
def working_device() -> Iterator[None]:
    """A process whose device fails while the context is open ends at once, as if it were killed.

    Nothing that such a process asks of the device works again, and its pictures are not at fault: as those of a worker
    that was killed they are painted by the next one.
    """
    try:
        yield
    except torch.AcceleratorError:
        log.critical("The device has failed; this process ends, and another one must begin anew.", exc_info=True)
        logging.shutdown()
        os._exit(DEVICE_LOST)
