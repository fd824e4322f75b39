"""Loads the OCR models: PP-OCRv6 (small), which RapidOCR's wheel carries. The only place that knows OpenVINO.

Nothing is downloaded: the networks are read from the wheel's own files, and RapidOCR's code, which would fetch what is
missing (models, fonts), is not even loaded. OpenVINO was chosen by measurement (`python -m bench.reading` holds it
against RapidOCR's default, ONNX Runtime): where the processor has bfloat16 units, it uses them, at the same error rate.

tesseract as a faster way for clean print was measured (5.3) and is not there: of a page of 14 to 24 pixels it takes
0.72 s of a core, these networks 0.87 s; of 28 to 40 pixels 0.98 and 1.10 s; with 12 and 6 times as many errors. Its
confidence does not tell them: of 12 pages, the one with most errors, of 70 characters, had no word below 86 of 100.
"""

import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from services.ocr.settings import OcrSettings

# When it is imported, OpenVINO tells its makers so over the network, unless their package for that cannot be found.
sys.modules["openvino_telemetry"] = None  # pyright: ignore[reportArgumentType]
import openvino  # noqa: E402

T = TypeVar("T")
Pixels = NDArray[np.uint8]
"""Height × width × 3, blue first: what OpenCV and these models take."""
Floats = NDArray[np.float32]

DETECTOR = "PP-OCRv6_det_small.onnx"
RECOGNISER = "PP-OCRv6_rec_small.onnx"


@functools.cache
def core() -> openvino.Core:
    """The one of this process, which is never let go: where the last one ends in another thread than it began in, the
    signal stack that it gave to its first thread is freed in use (2026.4), and the next signal kills the process."""
    return openvino.Core()


class Network:
    """A compiled network with one input and one output. Safe to use from several threads, which run side by side.

    The first input of each shape costs several times as much as the next ones: callers keep to few shapes.
    """

    def __init__(self, model: openvino.Model, *, threads: int, streams: int) -> None:
        config = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": streams}
        self._compiled = core().compile_model(model, "CPU", config)
        self._idle: SimpleQueue[Any] = SimpleQueue()

    def __call__(self, pixels: Floats, take: Callable[[Floats], T]) -> T:
        """What `take` makes of the output, which is not to be kept: the next call writes over it."""
        try:
            request = self._idle.get_nowait()
        except Empty:
            request = self._compiled.create_infer_request()
        try:
            (output,) = request.infer([pixels], share_inputs=True, share_outputs=True).values()
            return take(output)
        finally:
            self._idle.put(request)


@dataclass(frozen=True)
class Recogniser:
    """Reads crops. Safe to use from several threads."""

    network: Network
    characters: tuple[str, ...]
    """What each of its classes stands for; the first is the blank between two characters."""


@dataclass(frozen=True)
class OcrModels:
    """Both networks. Safe to use from several threads."""

    detector: Network
    recogniser: Recogniser
    """For many lines: side by side, a thread each."""
    first_recogniser: Recogniser
    """The same, for the one line that somebody waits for: all threads work on it."""
    name: str

    @property
    def characters(self) -> frozenset[str]:
        """All that can be read."""
        return frozenset(self.recogniser.characters)


def load(settings: OcrSettings) -> OcrModels:
    """Load both networks, about 1 s and 200 MB. Raises FileNotFoundError where the wheel carries other models."""
    threads = settings.ocr_threads
    recogniser = read_model(RECOGNISER)
    characters = ("", *str(recogniser.get_rt_info(["framework", "character"]).value).splitlines(), " ")
    return OcrModels(
        detector=Network(read_model(DETECTOR), threads=threads, streams=1),
        recogniser=Recogniser(Network(recogniser, threads=threads, streams=threads), characters),
        first_recogniser=Recogniser(Network(recogniser, threads=threads, streams=1), characters),
        name=f"PP-OCRv6-small (RapidOCR {version('rapidocr')}, OpenVINO {version('openvino')})",
    )


def read_model(name: str) -> openvino.Model:
    wheel = find_spec("rapidocr")  # found, not imported: nothing of it is used but its files
    path = Path(wheel.origin).with_name("models") / name if wheel and wheel.origin else Path(name)
    if not path.is_file():
        raise FileNotFoundError(f"rapidocr {version('rapidocr')} does not carry {name}; install rapidocr 3.10")
    return core().read_model(path)


def normalised(pixels: Pixels) -> Floats:
    """Pixels as both networks take them: 3 × height × width, from -1 to 1."""
    return np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32) / 127.5 - 1
