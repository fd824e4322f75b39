"""An untrained decoder already has the circuit that copies."""

import torch

from training.vlm.model import TrainedParts, initialise_projector, untrained_vision_config


def attention(parts: TrainedParts, ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
    parts.decoder.config._attn_implementation = "eager"
    with torch.no_grad():
        return parts.decoder(input_ids=ids, output_attentions=True, use_cache=False).attentions


def test_the_first_head_looks_at_the_previous_token_and_the_second_where_the_token_stood_before():
    torch.manual_seed(0)
    parts = TrainedParts(untrained_vision_config()).eval()
    length = 40
    words = torch.randperm(3000)[:length] + 10
    look, match = (each[0, 0] for each in attention(parts, torch.cat([words, words])[None])[:2])
    positions = torch.arange(1, 2 * length)
    assert look[positions, positions - 1].min() > 0.8
    repeated = torch.arange(length, 2 * length)
    assert match[repeated, repeated - length + 1].mean() > 0.5


def test_a_fresh_projector_answers_with_centred_vectors_of_a_words_size():
    torch.manual_seed(0)
    parts = TrainedParts(untrained_vision_config())
    features = torch.randn(8, 64, 192) * torch.rand(192) * 9 + torch.randn(192) * 5
    initialise_projector(parts.projector, features)
    with torch.no_grad():
        projected = parts.projector(features).flatten(0, 1)
    assert projected.mean(0).abs().max() < 0.01
    assert 0.5 < projected.norm(dim=-1).mean() < 5
