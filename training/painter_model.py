"""The painter's shape, and how its parts become one diffusers folder.

Knows modules and the SanaPipeline layout (Sana: arXiv 2410.10629). Does not know data or the loop.
"""

import json
from pathlib import Path

import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from diffusers.pipelines.sana.pipeline_sana import SanaPipeline
from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
from torch import Tensor, nn
from transformers import AutoTokenizer, CLIPTextModel, CLIPTokenizer

from training.autoencoder import LATENT_CHANNELS
from training.checkpoint import make_readable
from training.world import CANVAS
from training.world.labels import COLOUR_CLASSES, THING_CLASSES

WIDTH = 192
LAYERS = 6
HEAD_DIM = 32
LATENT_SIDE = CANVAS // 8
PLAN_LAYER = 2
"""The block after which training asks what each token will show."""
PATCH = 2
"""Latent cells per token side. 64 tokens instead of 256 train four times as fast."""


def build_denoiser(text_width: int) -> SanaTransformer2DModel:
    """An untrained denoiser: (B, 8, 16, 16) latents, (B, L, text_width) prompt states, timesteps 0-1000."""
    return SanaTransformer2DModel(
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        num_attention_heads=WIDTH // HEAD_DIM,
        attention_head_dim=HEAD_DIM,
        num_layers=LAYERS,
        num_cross_attention_heads=WIDTH // HEAD_DIM,
        cross_attention_head_dim=HEAD_DIM,
        cross_attention_dim=WIDTH,
        caption_channels=text_width,
        sample_size=LATENT_SIDE,
        patch_size=PATCH,
        interpolation_scale=1,
    )


def build_scheduler(order: int = 2) -> DPMSolverMultistepScheduler:
    """Flow matching: x_t = (1 - sigma) x_0 + sigma noise; the model predicts noise - x_0. Order 1 is Euler's method."""
    return DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=1.0, solver_order=order
    )


def load_denoiser(denoiser: SanaTransformer2DModel, folder: Path) -> None:
    """Puts exported weights into `denoiser`."""
    exported = SanaTransformer2DModel.from_pretrained(folder, torch_dtype=torch.float32)
    denoiser.load_state_dict(exported.state_dict())


def load_text_tower(weights: Path, tokenizer: Path) -> tuple[CLIPTextModel, CLIPTokenizer]:
    """A CLIP's text tower in fp32, and its tokenizer, from their folders."""
    return CLIPTextModel.from_pretrained(weights, dtype=torch.float32), AutoTokenizer.from_pretrained(tokenizer)


def load_autoencoder(folder: Path) -> AutoencoderDC:
    """The frozen autoencoder in fp32."""
    return AutoencoderDC.from_pretrained(folder).eval().requires_grad_(requires_grad=False)


class PainterParts(nn.Module):
    """What is trained together: the denoiser, the text tower that steers it, and heads that only training has.

    The heads read, from the middle of the denoiser, which thing of which colour each token will show. To answer
    at high noise it must have understood the prompt, so they teach the binding of words to places directly; the
    idea of aligning a denoiser's middle with a seeing model is REPA's (arXiv 2410.06940).
    """

    def __init__(self, denoiser: SanaTransformer2DModel, text: CLIPTextModel) -> None:
        super().__init__()
        self.denoiser, self.text = denoiser, text
        self.norm = nn.LayerNorm(WIDTH)
        self.thing = nn.Linear(WIDTH, len(THING_CLASSES))
        self.colour = nn.Linear(WIDTH, len(COLOUR_CLASSES))
        denoiser.transformer_blocks[PLAN_LAYER].register_forward_hook(self._keep)
        self._middle = torch.empty(0)

    def _keep(self, _block: nn.Module, _inputs: object, output: Tensor) -> None:
        self._middle = output

    def forward(self, noisy: Tensor, sigma: Tensor, prompt: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Velocity (B, 8, 16, 16) of latents at noise levels (B,) in 0-1; logits (B, 64, classes) of what tokens show.

        `prompt` and `mask` (B, L) are token ids and which of them count.
        """
        states = self.text(input_ids=prompt, attention_mask=mask).last_hidden_state
        velocity = self.denoiser(
            noisy,
            encoder_hidden_states=states,
            encoder_attention_mask=mask,
            timestep=sigma * 1000,
            return_dict=False,
        )[0]
        plan, self._middle = self.norm(self._middle), torch.empty(0)
        return {"velocity": velocity, "thing": self.thing(plan), "colour": self.colour(plan)}


def save_painter(
    folder: Path,
    denoiser: SanaTransformer2DModel,
    autoencoder: AutoencoderDC,
    text: tuple[CLIPTextModel, CLIPTokenizer],
    defaults: dict[str, object],
) -> None:
    """Writes a SanaPipeline folder in fp16, and `diptych.json` with the defaults of a call.

    The modules are rounded to fp16 in place: pass copies.
    """
    pipeline = SanaPipeline(
        tokenizer=text[1],
        text_encoder=text[0].half(),
        vae=autoencoder.half(),
        transformer=denoiser.half(),
        scheduler=build_scheduler(),
    )
    pipeline.save_pretrained(folder, safe_serialization=True)
    (folder / "diptych.json").write_text(json.dumps(defaults, indent=1) + "\n")
    make_readable(folder)
