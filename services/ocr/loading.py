"""Loads the OCR models: PP-OCRv6 (small), which RapidOCR's wheel carries. The only place that knows RapidOCR's insides.

Nothing is downloaded: the sessions are made here from the wheel's own files, and RapidOCR's code that would fetch
what is missing (models, fonts) is never reached. The angle classifier is not loaded: on upright pages it turned
clean lines by 180 degrees and cost 18 % of their characters.
"""

import logging
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import rapidocr
from numpy.typing import NDArray
from omegaconf import DictConfig, OmegaConf
from rapidocr.ch_ppocr_det import TextDetector
from rapidocr.ch_ppocr_rec import TextRecognizer
from rapidocr.utils.parse_parameters import ParseParams

from services.ocr.settings import OcrSettings

Pixels = NDArray[np.uint8]
"""Height × width × 3, blue first: what OpenCV and these models take."""

PACKAGE = Path(rapidocr.__file__).parent
DETECTOR = PACKAGE / "models" / "PP-OCRv6_det_small.onnx"
RECOGNISER = PACKAGE / "models" / "PP-OCRv6_rec_small.onnx"
WITHOUT_LIMIT = 1 << 20
"""A side that no picture reaches: the detector shall not scale again what `detection.py` has scaled."""


@dataclass(frozen=True)
class OcrModels:
    """Both networks with their pre- and post-processing. Safe to use from several threads."""

    detector: TextDetector
    recogniser: TextRecognizer
    name: str


def load(settings: OcrSettings) -> OcrModels:
    """Load both networks, about 0.5 s and 150 MB. Raises FileNotFoundError where the wheel carries other models."""
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    config = ParseParams.load(PACKAGE / "config.yaml")
    detector = section(config.Det, DETECTOR, settings.ocr_threads, limit_type="max", limit_side_len=WITHOUT_LIMIT)
    recogniser = section(config.Rec, RECOGNISER, settings.ocr_threads, rec_batch_num=1, font_path=None)
    return OcrModels(
        detector=TextDetector(detector),  # pyright: ignore[reportArgumentType]
        recogniser=TextRecognizer(recogniser),  # pyright: ignore[reportArgumentType]
        name=f"PP-OCRv6-small (RapidOCR {version('rapidocr')}, ONNX Runtime {version('onnxruntime')})",
    )


def section(defaults: DictConfig, model: Path, threads: int, **changes: Any) -> DictConfig:
    """RapidOCR's settings of one network, with a session of our own in them."""
    config = OmegaConf.create(dict(defaults), flags={"allow_objects": True})
    config.update(changes)
    config.session = session(model, threads)
    return config


def session(model: Path, threads: int) -> onnxruntime.InferenceSession:
    """An ONNX Runtime session whose threads sleep while they wait, so that neighbours on the machine can work."""
    if not model.is_file():
        raise FileNotFoundError(f"rapidocr {version('rapidocr')} does not carry {model.name}; install rapidocr 3.10")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
