"""CLIP's shape, and the heads that only training has.

Knows modules. Does not know data or the loop.
"""

import torch
from torch import Tensor, nn
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

from training.clip_tokenizer import MAX_LENGTH
from training.world import CANVAS, RELATIONS, SETTINGS
from training.world.labels import COLOUR_CLASSES, PATCH, THING_CLASSES

WIDTH = 192
IMAGE_LAYERS = 5
TEXT_LAYERS = 3
HEADS = 4
PROJECTION = 192


def build_clip(tokenizer: CLIPTokenizer) -> CLIPModel:
    """An untrained CLIPModel: 128-px pictures in 16-px patches, prompts of up to 40 tokens."""
    shared = {
        "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH,
        "num_attention_heads": HEADS,
        "hidden_act": "quick_gelu",
    }
    text = {
        "num_hidden_layers": TEXT_LAYERS,
        "vocab_size": len(tokenizer),
        "max_position_embeddings": MAX_LENGTH,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    vision = {"num_hidden_layers": IMAGE_LAYERS, "image_size": CANVAS, "patch_size": PATCH}
    config = CLIPConfig(text_config=shared | text, vision_config=shared | vision, projection_dim=PROJECTION)
    return CLIPModel(config)


def image_processor() -> CLIPImageProcessorPil:
    """Resizes to 128 x 128 and scales to -1..1."""
    side = {"height": CANVAS, "width": CANVAS}
    return CLIPImageProcessorPil(
        size=side, crop_size=side, do_center_crop=False, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )


class ClipWithHeads(nn.Module):
    """CLIP and linear heads for dense supervision; the heads are thrown away at export."""

    def __init__(self, clip: CLIPModel) -> None:
        super().__init__()
        self.clip = clip
        self.patch_norm = nn.LayerNorm(WIDTH)
        self.thing = nn.Linear(WIDTH, len(THING_CLASSES))
        self.colour = nn.Linear(WIDTH, len(COLOUR_CLASSES))
        self.setting = nn.Linear(WIDTH, len(SETTINGS))
        self.count = nn.Linear(WIDTH, 5)
        self.relation = nn.Linear(WIDTH, len(RELATIONS) + 1)

    def forward(self, pixels: Tensor, ids: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Unit image and text embeddings (B, PROJECTION), and the logits of every head.

        `pixels` (B, 3, 128, 128) in -1..1, `ids` and `mask` (B, L).
        """
        seen = self.clip.vision_model(pixel_values=pixels)
        read = self.clip.text_model(input_ids=ids, attention_mask=mask)
        patches = self.patch_norm(seen.last_hidden_state[:, 1:])
        pooled = seen.pooler_output
        return {
            "image": nn.functional.normalize(self.clip.visual_projection(pooled).float(), dim=-1),
            "text": nn.functional.normalize(self.clip.text_projection(read.pooler_output).float(), dim=-1),
            "thing": self.thing(patches),
            "colour": self.colour(patches),
            "setting": self.setting(pooled),
            "count": self.count(pooled),
            "relation": self.relation(pooled),
        }

    @torch.no_grad()
    def clamp_scale(self) -> None:
        """Keeps the contrastive temperature at 0.01 or more, as in the paper."""
        self.clip.logit_scale.clamp_(max=4.6052)
