"""The detector: its pictures, targets, network, files."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from training.autoencoder import to_pixels
from training.detector import losses
from training.detector_data import (
    COLOUR_CLASSES,
    THING_CLASSES,
    UNKNOWN,
    Example,
    example_of,
    sample_example,
    spoil,
    spots_of,
)
from training.detector_model import Detector, DetectorNet, _things, save_detector
from training.detector_targets import targets_of
from training.world import Group, Scene, sample_scene


def perfect_output(examples: list[Example]) -> dict[str, torch.Tensor]:
    """What a network would say that has learned the targets by heart."""
    targets = targets_of(examples)
    thing = torch.nn.functional.one_hot(targets.thing.clamp(min=0), len(THING_CLASSES)).permute(0, 3, 1, 2) * 20.0
    colour = torch.nn.functional.one_hot(targets.colour.clamp(min=0), len(COLOUR_CLASSES)).permute(0, 3, 1, 2) * 20.0
    return {"heat": torch.logit(targets.heat, 1e-4)[:, None], "box": targets.box, "thing": thing, "colour": colour}


def test_the_targets_say_where_everything_is_and_can_be_read_back() -> None:
    rng = Random(1)
    examples = [spoil(sample_example(rng), rng) for _ in range(80)]
    out = perfect_output(examples)
    for k, example in enumerate(examples):
        found = sorted((d.thing, d.colour, d.x, d.y, d.side) for d in _things(out, k))
        there = sorted((s.thing, s.colour, s.x + s.side / 2, s.y + s.side / 2, s.side) for s in example.spots)
        assert [f[0] for f in found] == [t[0] for t in there]
        for (_, colour, *place), (thing, true_colour, *true_place) in zip(found, there, strict=True):
            assert place == pytest.approx(true_place, abs=0.01)
            assert thing == UNKNOWN or colour == true_colour


def test_a_container_drawn_in_two_parts_is_one_thing() -> None:
    spots = spots_of(Scene("sea", (Group("cat"), Group("basket")), "in"))
    assert sorted(spot.thing for spot in spots) == ["basket", "cat"]


def test_examples_show_scenes_held_out_ones_blots_and_any_layout() -> None:
    rng = Random(2)
    examples = [sample_example(rng) for _ in range(400)]
    blots = sum(spot.thing == UNKNOWN for example in examples for spot in example.spots)
    assert 20 < blots < 200
    assert {len(example.spots) for example in examples} == {1, 2, 3, 4}
    kinds = [len({spot.thing for spot in example.spots}) for example in examples]
    assert max(kinds) >= 3, "no scene has three kinds of things, a free arrangement may"


def test_spoiling_keeps_the_things_and_moves_them_with_the_picture() -> None:
    example = example_of(Scene("white", (Group("heart", "black", "large"),)))
    rng = Random(5)
    for _ in range(20):
        spoiled = spoil(example, rng)
        assert spoiled.picture.shape == (128, 128, 3)
        assert spoiled.spots[0] == replace(example.spots[0], x=spoiled.spots[0].x, y=spoiled.spots[0].y)
        dark = np.argwhere(spoiled.picture.mean(-1) < 120).mean(0)
        centre = np.argwhere(example.picture.mean(-1) < 120).mean(0)
        moved = np.array([spoiled.spots[0].y - example.spots[0].y, spoiled.spots[0].x - example.spots[0].x])
        assert dark - centre == pytest.approx(moved, abs=1.2)


def test_the_loss_falls_when_the_network_learns_a_few_pictures() -> None:
    torch.manual_seed(0)
    rng = Random(7)
    examples = [example_of(sample_scene(rng)) for _ in range(4)]
    pixels, targets = to_pixels(np.stack([example.picture for example in examples])), targets_of(examples)
    net = DetectorNet()
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    values = []
    for _ in range(16):
        loss, _ = losses(net, pixels, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(float(loss.detach()))
    assert values[-1] < 0.5 * values[0]
    sights = Detector(net.train()).look(pixels)
    assert len(sights) == 4


def test_an_export_is_small_fp16_and_sees_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = DetectorNet()
    save_detector(net, tmp_path)
    assert (tmp_path / "model.safetensors").stat().st_size <= 1.5e6
    pixels = torch.rand(2, 3, 128, 128) * 2 - 1
    with torch.no_grad():
        before, after = net.eval()(pixels), Detector.load(tmp_path).net(pixels)
    assert all(torch.allclose(before[name], after[name], atol=0.02) for name in before)


def test_a_detector_of_another_world_is_refused(tmp_path: Path) -> None:
    save_detector(DetectorNet(), tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"things": config["things"][1:]}))
    with pytest.raises(RuntimeError, match="another world"):
        Detector.load(tmp_path)
