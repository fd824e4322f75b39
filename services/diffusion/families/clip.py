"""One CLIP text tower (arXiv 2103.00020): what a prompt's last hidden states are. Knows no denoiser."""

from typing import Any

from services.diffusion.prompts import Conditioning, Towers


class ClipTower(Towers):
    """CLIP's text tower with its tokenizer."""

    def __init__(self, tokenizer: Any, tower: Any, *, masks_padding: bool) -> None:
        """`masks_padding`: whether the tower and the denoiser were trained blind to padding (Sana) or not (SD)."""
        super().__init__(tokenizer, min(int(tokenizer.model_max_length), int(tower.config.max_position_embeddings)))
        self.tower = tower
        self.masks_padding = masks_padding

    def row(self, text: str) -> Conditioning:
        tokens = self.tokenizer(
            [text], padding="max_length", max_length=self.length, truncation=True, return_tensors="pt"
        ).to(self.tower.device)
        mask = tokens["attention_mask"]
        attends_mask = self.masks_padding or getattr(self.tower.config, "use_attention_mask", False)
        output = self.tower(input_ids=tokens["input_ids"], attention_mask=mask if attends_mask else None)
        states = {"states": output.last_hidden_state}
        return Conditioning(states | {"mask": mask} if self.masks_padding else states)
