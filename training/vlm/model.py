"""The VLM's parts: decoder, projector, and the image tower that CLIP's training made and this one goes on with.

Knows shapes. Does not know data, the loop or files' places.
"""

import torch
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModel, LlamaConfig, LlamaModel, LlavaConfig
from transformers.models.llava.modeling_llava import LlavaMultiModalProjector

from training.vlm.induction import initialise_induction
from training.vlm.tokenizer import VOCABULARY
from training.world.labels import COLOUR_CLASSES, THING_CLASSES

WIDTH, LAYERS, HEADS, INNER = 192, 6, 3, 512
MAX_POSITIONS = 4096
ROPE_THETA = 1e6
IMAGE_TOKENS = 64
END_ID, PAD_ID, IMAGE_ID = 1, 0, 6
"""As the tokenizer numbers its role tokens; `check_ids` compares."""


def text_config() -> LlamaConfig:
    """A small Llama. Its attention has biases: they let a head look at the previous token from the start."""
    return LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=MAX_POSITIONS,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        attention_bias=True,
        tie_word_embeddings=True,
        initializer_range=0.03,
        bos_token_id=None,
        eos_token_id=END_ID,
        pad_token_id=PAD_ID,
    )


def llava_config(vision: CLIPVisionConfig) -> LlavaConfig:
    """Tower, projector and decoder as transformers' LLaVA: the last layer's 64 patches, without the class token."""
    return LlavaConfig(
        vision_config=vision,
        text_config=text_config(),
        image_token_index=IMAGE_ID,
        vision_feature_select_strategy="default",
        vision_feature_layer=-1,
        image_seq_length=IMAGE_TOKENS,
        projector_hidden_act="gelu",
        tie_word_embeddings=True,
    )


class TrainedParts(nn.Module):
    """Tower, projector and decoder, whose output layer is the embedding table; and the heads that only training has:
    they say what stands in each patch, which keeps the tower seeing everything, asked for or not."""

    def __init__(self, vision: CLIPVisionConfig) -> None:
        super().__init__()
        config = llava_config(vision)
        self.decoder = LlamaModel(text_config())
        self.projector = LlavaMultiModalProjector(config)
        self.tower = CLIPVisionModel(vision)
        self.patch_norm = nn.LayerNorm(vision.hidden_size)
        self.thing = nn.Linear(vision.hidden_size, len(THING_CLASSES))
        self.colour = nn.Linear(vision.hidden_size, len(COLOUR_CLASSES))
        initialise_induction(self.decoder)

    def look(self, pixels: Tensor) -> Tensor:
        """What LLaVA feeds its projector: (N, 64, width) of pictures (N, 3, 128, 128) in -1..1."""
        return self.tower(pixel_values=pixels).last_hidden_state[:, 1:]

    def patch_loss(self, features: Tensor, things: Tensor, colours: Tensor) -> tuple[Tensor, Tensor]:
        """Cross entropy of what stands in each patch, and the accuracy on things; both labels (N, 64)."""
        normed = self.patch_norm(features)
        thing, colour = self.thing(normed).float().flatten(0, 1), self.colour(normed).float().flatten(0, 1)
        loss = nn.functional.cross_entropy(thing, things.flatten())
        loss = loss + 0.5 * nn.functional.cross_entropy(colour, colours.flatten())
        there = things.flatten() > 0
        return loss, (thing.argmax(-1) == things.flatten())[there].float().mean()

    def hidden(self, ids: Tensor, features: Tensor | None) -> Tensor:
        """Last hidden states (B, L, WIDTH) of token ids (B, L), padded on the right.

        `features` (N, IMAGE_TOKENS, tower width) replace the image tokens, in order; None leaves these as they are.
        """
        embedded = self.decoder.embed_tokens(ids)
        if features is not None:
            projected = self.projector(features).to(embedded.dtype).flatten(0, 1)
            embedded = embedded.masked_scatter((ids == IMAGE_ID)[..., None], projected)
        return self.decoder(inputs_embeds=embedded, use_cache=False).last_hidden_state

    def logits(self, hidden: Tensor) -> Tensor:
        """Scores of every token (..., VOCABULARY)."""
        return hidden @ self.decoder.embed_tokens.weight.T

    def loss(self, ids: Tensor, wanted: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
        """Mean cross entropy, and accuracy, over the tokens marked in `wanted` (B, L)."""
        hidden = self.hidden(ids, features)[:, :-1][wanted[:, 1:]]
        target = ids[:, 1:][wanted[:, 1:]]
        logits = self.logits(hidden).float()
        return nn.functional.cross_entropy(logits, target), (logits.argmax(-1) == target).float().mean()


@torch.no_grad()
def initialise_projector(projector: LlavaMultiModalProjector, features: Tensor) -> None:
    """Makes the projector standardise what this tower gives, and answer with vectors of a word's size.

    `features` (N, IMAGE_TOKENS, tower width) are of typical pictures. A random start passes on the features' common
    mean, which then drowns what differs between pictures.
    """
    flat = features.flatten(0, 1).float()
    mean, deviation = flat.mean(0), flat.std(0)
    first, second = projector.linear_1, projector.linear_2
    nn.init.orthogonal_(first.weight)
    first.weight /= deviation
    first.bias.copy_(-first.weight @ mean)
    nn.init.normal_(second.weight, std=0.02)
    inner = nn.functional.gelu(flat @ first.weight.T + first.bias)
    second.bias.copy_(-second.weight @ inner.mean(0))


def untrained_vision_config() -> CLIPVisionConfig:
    """The tower's shape, for stages that need no images."""
    return CLIPVisionConfig(
        hidden_size=192,
        intermediate_size=768,
        num_hidden_layers=5,
        num_attention_heads=4,
        image_size=128,
        patch_size=16,
    )
