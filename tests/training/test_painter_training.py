"""What the painter learns from: the plan of each token, and the teacher's ways that its fast twin is distilled from."""

from random import Random

import pytest
import torch
from transformers import CLIPTextConfig, CLIPTextModel

from training import rollouts
from training.denoiser import losses, sample_sigmas
from training.distil import STEPS, student_grid, student_loss
from training.latent_pool import plan_labels
from training.painter_model import LATENT_SIDE, PainterParts, build_denoiser, build_scheduler
from training.rollouts import Prompts, guided, roll_out
from training.world import sample_scene
from training.world.labels import THING_CLASSES

WIDTH, TOKENS, COUNT = 32, 6, 2


@pytest.fixture(scope="module")
def parts():
    torch.manual_seed(0)
    config = CLIPTextConfig(
        vocab_size=50,
        hidden_size=WIDTH,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=TOKENS,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    return PainterParts(build_denoiser(WIDTH), CLIPTextModel(config))


@pytest.fixture
def prompts():
    torch.manual_seed(1)
    ones = torch.ones(COUNT, TOKENS, dtype=torch.long)
    return Prompts(torch.randn(COUNT, TOKENS, WIDTH), ones, torch.randn(1, TOKENS, WIDTH), ones[:1])


@pytest.fixture
def noise():
    return torch.randn(COUNT, 8, LATENT_SIDE, LATENT_SIDE, generator=torch.Generator().manual_seed(2))


def test_words_and_plan_learn_from_the_denoisers_loss(parts, noise):
    rng = Random(0)
    scenes = [sample_scene(rng) for _ in range(COUNT)]
    tokens = torch.randint(3, 50, (COUNT, TOKENS)), torch.ones(COUNT, TOKENS, dtype=torch.long)
    labels = plan_labels(scenes)
    assert int(labels["thing"].max()) < len(THING_CLASSES)

    loss, figures = losses(parts, noise, tokens, labels, sample_sigmas(COUNT, torch.device("cpu")))
    loss.backward()

    assert 0 <= float(figures["planned"]) <= 1
    assert float(loss.detach()) > float(figures["flow"])
    learned = (parts.text.get_input_embeddings().weight, parts.thing.weight, parts.denoiser.proj_out.weight)
    assert all(float(weight.grad.abs().sum()) > 0 for weight in learned)
    parts.zero_grad()


def test_the_fast_scheduler_asks_at_the_levels_that_the_student_learns():
    scheduler = build_scheduler(order=1)
    scheduler.set_timesteps(STEPS)
    grid = student_grid(STEPS)
    assert len(grid) == STEPS + 1
    assert grid[0] == pytest.approx(1, abs=0.01)
    assert grid[-1] == 0
    assert [round(1000 * level) for level in grid[:-1]] == pytest.approx(scheduler.timesteps.tolist(), abs=1)


def test_one_step_of_the_fast_scheduler_is_one_euler_step(parts, noise):
    scheduler = build_scheduler(order=1)
    scheduler.set_timesteps(STEPS)
    velocity = torch.randn_like(noise)
    stepped = scheduler.step(velocity, scheduler.timesteps[0], noise, return_dict=False)[0]
    grid = student_grid(STEPS)
    assert torch.allclose(stepped, noise + (grid[1] - grid[0]) * velocity, atol=1e-4)


def test_guidance_goes_from_the_empty_prompt_towards_the_prompt_and_beyond(parts, noise, prompts):
    with torch.no_grad():
        without, plain, strong = (guided(parts.denoiser, noise, 0.7, prompts, scale) for scale in (0.0, 1.0, 3.0))
    assert torch.allclose(strong, without + 3 * (plain - without), atol=1e-4)
    assert not torch.allclose(without, plain)


def test_a_student_that_does_what_its_teacher_does_has_nothing_to_learn(parts, noise, prompts, monkeypatch):
    monkeypatch.setattr(rollouts, "SUBSTEPS", 1)
    grid = [1.0, 0.6, 0.0]
    ways = roll_out(parts.denoiser, noise, grid, prompts, 1.0)
    assert ways.shape == (COUNT, 3, *noise.shape[1:])
    assert torch.equal(ways[:, 0], noise)
    with torch.no_grad():
        assert float(student_loss(parts.denoiser, ways, prompts, grid)) < 1e-9
        farther = roll_out(parts.denoiser, noise, grid, prompts, 4.0)
        assert float(student_loss(parts.denoiser, farther, prompts, grid)) > 1e-6
