"""Initialises two attention heads so that the decoder can copy from the first step.

Layer 0, head 0 looks at the previous token and notes what it was; layer 1, head 0 looks for places whose note
equals the present token, and proposes what stood there ("In-context Learning and Induction Heads", Olsson et al.
2022). Random starts find this circuit only after many times the samples that everything else takes.
"""

from typing import Any

import torch
from transformers import LlamaModel

_SHARP_FREQUENCIES = 12
_LOOK_BACK = 7.0
"""Size of the constant query and key: the previous token gets some 6 nats more than its neighbours."""
_SLOW_FROM = 11
"""Rotary frequencies from here on turn too little within a message to disturb matching."""
_MATCH = 1.8
_NOTE = 0.125
_PROPOSE = 0.125


def _directions(width: int, count: int) -> torch.Tensor:
    """`count` orthonormal rows."""
    return torch.linalg.qr(torch.randn(width, width))[0][:count]


def _slow_dimensions(head: int) -> torch.Tensor:
    half = head // 2
    slow = torch.arange(_SLOW_FROM, half)
    return torch.cat([slow, slow + half])


@torch.no_grad()
def initialise_induction(decoder: LlamaModel) -> None:
    """Overwrites the first head of the first two layers; scales the embeddings to unit rows."""
    config: Any = decoder.config
    width, head = config.hidden_size, config.hidden_size // config.num_attention_heads
    decoder.embed_tokens.weight.normal_(std=width**-0.5)
    rows = _directions(width, 3 * head)
    seen, noted, proposed = rows[:head], rows[head : 2 * head], rows[2 * head :]
    look: Any = decoder.layers[0].self_attn
    match: Any = decoder.layers[1].self_attn
    frequencies = config.rope_parameters["rope_theta"] ** (-torch.arange(head // 2) / (head // 2))
    sharp = torch.arange(_SHARP_FREQUENCIES)
    for projection in (look.q_proj, look.k_proj, match.q_proj, match.k_proj):
        projection.weight[:head] *= 0.1
    look.q_proj.bias[sharp] = _LOOK_BACK
    look.k_proj.bias[sharp] = _LOOK_BACK * torch.cos(frequencies[sharp])
    look.k_proj.bias[sharp + head // 2] = _LOOK_BACK * torch.sin(frequencies[sharp])
    look.v_proj.weight[:head] = seen
    look.o_proj.weight[:, :head] = _NOTE * noted.T
    slow = _slow_dimensions(head)
    match.q_proj.weight[slow] = _MATCH * seen[slow]
    match.k_proj.weight[slow] = _MATCH * noted[slow]
    match.v_proj.weight[:head] = proposed
    match.o_proj.weight[:, :head] = _PROPOSE * proposed.T
