"""Which of several pictures shows best what was asked for: a CLIP pair's word on it. Knows no painter.

CLIP looks at a small copy of a picture and compares what it sees with the words (arXiv 2103.00020).
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

from services.diffusion.components import FAULTS, LOCAL
from services.diffusion.folder import FolderRefused, weights_variant


class Judge:
    """A CLIP pair, loaded when it is asked for the first time. May be used from several threads."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._pair: tuple[Any, Any, Any] | None = None

    def scores(self, prompt: str, pictures: Sequence[Image.Image]) -> list[float]:
        """How well each picture fits the prompt: cosines, -1 to 1.

        Raises:
            FolderRefused: there is no CLIP pair in the folder.
        """
        with self._lock:
            model, tokenizer, processor = self._pair = self._pair or self._loaded()
            words = tokenizer([prompt], truncation=True, padding=True, return_tensors="pt")
            pixels = processor(images=[picture.convert("RGB") for picture in pictures], return_tensors="pt")
            with torch.inference_mode():
                found = model(pixel_values=pixels["pixel_values"], **words)
        return torch.nn.functional.cosine_similarity(found.image_embeds, found.text_embeds).tolist()

    def _loaded(self) -> tuple[Any, Any, Any]:
        try:
            model = CLIPModel.from_pretrained(
                self._folder, use_safetensors=True, variant=weights_variant(self._folder), dtype=torch.float32, **LOCAL
            )
            tokenizer = CLIPTokenizer.from_pretrained(self._folder, **LOCAL)
            return model.eval(), tokenizer, CLIPImageProcessorPil.from_pretrained(self._folder, **LOCAL)
        except FAULTS as error:
            raise FolderRefused(f"{self._folder} cannot be loaded as a CLIP pair: {error}") from error
