"""From words to what the denoiser attends to: CLIP's tokens and hidden states. Knows no denoiser."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import CLIPTextModel


@dataclass(frozen=True)
class Conditioning:
    """What steers one picture: one row, or two where guidance needs the negative prompt's row before it."""

    states: Tensor
    """Hidden states, rows × tokens × width."""
    mask: Tensor | None
    """Rows × tokens, 0 where a token is padding; None: the denoiser attends to the padding too."""
    tokens: int
    """Tokens of all rows, padding not counted."""
    tokens_dropped: int
    """Tokens at the prompt's end that did not fit; the painter has not seen them."""

    @property
    def guided(self) -> bool:
        return self.states.shape[0] == 2


class PromptEncoder:
    """CLIP's text tower (arXiv 2103.00020) with its tokenizer."""

    def __init__(self, tokenizer: Any, tower: CLIPTextModel, *, masks_padding: bool) -> None:
        """`masks_padding`: whether the tower and the denoiser were trained blind to padding (Sana) or not (SD)."""
        self.tokenizer = tokenizer
        self.tower = tower
        self.masks_padding = masks_padding
        self.length = min(int(tokenizer.model_max_length), int(tower.config.max_position_embeddings))

    @property
    def width(self) -> int:
        return int(self.tower.config.hidden_size)

    @torch.inference_mode()
    def encode(self, prompt: str, negative_prompt: str | None) -> Conditioning:
        """Rows for one picture. `negative_prompt` None: no second row, hence no guidance."""
        texts = [prompt] if negative_prompt is None else [negative_prompt, prompt]
        tokens = self.tokenizer(
            texts, padding="max_length", max_length=self.length, truncation=True, return_tensors="pt"
        ).to(self.tower.device)
        attends_mask = self.masks_padding or getattr(self.tower.config, "use_attention_mask", False)
        attention_mask = tokens["attention_mask"] if attends_mask else None
        states = self.tower(input_ids=tokens["input_ids"], attention_mask=attention_mask).last_hidden_state
        mask = tokens["attention_mask"] if self.masks_padding else None
        taken_in = int(tokens["attention_mask"].sum())
        return Conditioning(states, mask, taken_in, self.tokens_over(prompt))

    def tokens_over(self, prompt: str) -> int:
        """By how many tokens a prompt is too long."""
        whole = self.tokenizer(prompt, truncation=False, verbose=False)["input_ids"]
        return max(0, len(whole) - self.length)
