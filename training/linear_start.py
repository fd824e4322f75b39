"""Starts an AutoencoderDC as a linear codec (PCA of 8 x 8 blocks) instead of as noise.

Every residual block begins at zero and the up-sampling path carries the principal components exactly,
so training begins at the quality of PCA and only has to learn what is beyond it. On a CPU that saves
most of an hour. Knows the layout of diffusers' AutoencoderDC with ResBlocks at all four levels.
"""

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_dc import AutoencoderDC, ResBlock
from torch import Tensor, nn

BLOCK = 8
CONSTANT = 8.0
"""Value of one output channel that keeps the last RMS norm nearly constant, so that brightness survives it."""
WHITENING = 0.5
"""0 leaves the components' variances as they are, 1 makes them equal."""
RIDGE = 1e-3


def principal_components(pictures: Tensor, channels: int) -> tuple[Tensor, Tensor, Tensor]:
    """PCA of (B, 3, H, W) pictures' blocks: decode (192, channels), encode (channels, 192), mean (192,).

    A block is flattened as (3, 8, 8).
    """
    blocks = nn.functional.unfold(pictures, BLOCK, stride=BLOCK).transpose(1, 2).flatten(0, 1)
    mean = blocks.mean(0)
    centred = (blocks - mean).double()
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(centred))
    values, vectors = values.flip(0)[:channels], vectors.flip(1)[:, :channels]
    spread = values.clamp_min(1e-8).sqrt() ** WHITENING
    return (vectors * spread).float(), (vectors / spread).T.float(), mean


def _repeat_matrix(out_channels: int, in_channels: int) -> Tensor:
    """What the block's shortcut adds: output row r copies input channel r // repeats."""
    return torch.eye(in_channels).repeat_interleave(out_channels // in_channels, dim=0)


def _set_rows(conv: nn.Conv2d, rows: dict[int, tuple[Tensor, float]]) -> None:
    """Makes conv plus shortcut compute exactly the given (weights, bias) in these output rows."""
    shortcut = _repeat_matrix(conv.out_channels, conv.in_channels)
    for row, (weights, bias) in rows.items():
        conv.weight[row] = 0
        conv.weight[row, : len(weights), 1, 1] = weights
        conv.weight[row, :, 1, 1] -= shortcut[row]
        assert conv.bias is not None
        conv.bias[row] = bias


def _unit(index: int, size: int) -> Tensor:
    return nn.functional.one_hot(torch.tensor(index), size).float()


def _start_decoder(model: AutoencoderDC, decode: Tensor, mean: Tensor) -> None:
    decoder, channels = model.decoder, decode.shape[1]
    _set_rows(decoder.conv_in, {c: (_unit(c, channels), 0.0) for c in range(channels)})
    ups = [decoder.up_blocks[level][0].conv for level in (2, 1, 0)]
    blocks = decode.view(3, BLOCK, BLOCK, channels)
    means = mean.view(3, BLOCK, BLOCK)
    for side, conv, source in zip((4, 2, 1), ups, (None, 4, 2), strict=True):
        rows: dict[int, tuple[Tensor, float]] = {}
        for index, (rgb, y, x) in enumerate(np.ndindex(3, side, side)):
            for quarter, (i, j) in enumerate(np.ndindex(2, 2)):
                yy, xx = i * side + y, j * side + x
                if source is None:
                    rows[index * 4 + quarter] = (blocks[rgb, yy, xx], float(means[rgb, yy, xx]))
                else:
                    finer = 2 * side
                    picked = (rgb * finer + yy) * finer + xx
                    rows[index * 4 + quarter] = (_unit(picked, 3 * finer * finer), 0.0)
        _set_rows(conv, rows)
    _start_output(decoder, ups[-1])


def _start_output(decoder: nn.Module, last: nn.Conv2d) -> None:
    """A constant channel, small random rest, and a ReLU that the picture passes unharmed."""
    small = {row: (0.02 * torch.randn(last.in_channels), 0.0) for row in range(16, last.out_channels)}
    _set_rows(last, small | {row: (torch.zeros(1), CONSTANT) for row in range(12, 16)})
    decoder.norm_out.weight.fill_(CONSTANT / decoder.norm_out.weight.numel() ** 0.5)
    decoder.norm_out.bias.zero_()
    decoder.norm_out.bias[:3] = 1.0
    decoder.conv_out.weight.mul_(0.05)
    decoder.conv_out.weight[:, :4] = 0
    for rgb in range(3):
        decoder.conv_out.weight[rgb, rgb, 1, 1] = 1.0
    decoder.conv_out.bias.fill_(-1.0)


def _start_encoder(model: AutoencoderDC, pictures: Tensor, encode: Tensor, mean: Tensor) -> None:
    """Copies pixels upwards, then fits the last convolution to the components by least squares."""
    encoder = model.encoder
    for conv in (encoder.conv_in, *(encoder.down_blocks[level][-1].conv for level in range(3))):
        kept = min(conv.in_channels, conv.out_channels)
        conv.weight[:kept, :, 1, 1] += torch.eye(conv.in_channels)[:kept]
    hidden = encoder.conv_in(pictures)
    for block in encoder.down_blocks:
        hidden = block(hidden)
    group = encoder.out_shortcut_average_group_size
    shortcut = hidden.unflatten(1, (-1, group)).mean(2)
    blocks = nn.functional.unfold(pictures, BLOCK, stride=BLOCK).transpose(1, 2)
    target = (blocks - mean) @ encode.T - shortcut.flatten(2).transpose(1, 2)
    windows = nn.functional.unfold(hidden, 3, padding=1).transpose(1, 2)
    features = nn.functional.pad(windows.flatten(0, 1), (0, 1), value=1.0).double()
    gram = features.T @ features / len(features)
    gram += RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    solution = torch.linalg.solve(gram, features.T @ target.flatten(0, 1).double() / len(features))
    encoder.conv_out.weight.copy_(solution[:-1].T.reshape(encoder.conv_out.weight.shape).float())
    encoder.conv_out.bias.copy_(solution[-1].float())


@torch.no_grad()
def start_linear(model: AutoencoderDC, pictures: Tensor) -> None:
    """Sets the weights from (B, 3, H, W) pictures in -1..1; a few hundred 64-px crops are enough."""
    for module in model.modules():
        if isinstance(module, ResBlock):
            module.norm.weight.zero_()
            module.norm.bias.zero_()
    decode, encode, mean = principal_components(pictures, model.config["latent_channels"])
    _start_decoder(model, decode, mean)
    _start_encoder(model, pictures, encode, mean)
