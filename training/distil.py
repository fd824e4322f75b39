"""Distils the painter: few steps without guidance that end where its many guided steps end.

Usage: python -m training.distil --minutes 20 [--resume]
The student begins as the teacher. On a coarse grid of noise levels it learns the mean velocity of the teacher's
guided flow from one level to the next, at points of the teacher's own ways: the idea of progressive and of guidance
distillation (arXiv 2202.00512, 2210.03142) in one go. What it learns is right on this grid and no other.
Writes `transformer_fast` and `scheduler_fast` into the painter's folder; the text tower stays as it is. In a fresh
clone `--resume` goes on from the student in that folder.
"""

import argparse
import copy
import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import torch
from diffusers.models.transformers.sana_transformer import SanaTransformer2DModel
from torch import Tensor
from torch.nn.attention import sdpa_kernel

from training.checkpoint import make_readable
from training.committed import Committed
from training.denoiser import ENDS, attention_backends
from training.latent_pool import PAINTER_KINDS
from training.muon import MuonAdamW, muon_groups
from training.painter_model import LATENT_SIDE, build_scheduler, load_denoiser, load_text_tower
from training.rollouts import Prompts, roll_out, velocity
from training.run import Run, add_run_arguments, options_from
from training.world import caption, sample_scene

FAST = "transformer_fast"
STEPS = 6
USES = 4
"""How often each point of a way is learned from, on average."""


def student_grid(steps: int) -> list[float]:
    """The noise levels at which the fast scheduler asks the student, and 0 behind them."""
    scheduler = build_scheduler(order=1)
    scheduler.set_timesteps(steps)
    return [float(sigma) for sigma in scheduler.sigmas]


class RolloutPool:
    """Blocks of the teacher's ways with their prompts; `renew` replaces the oldest."""

    def __init__(self, roll: Callable[[], tuple[Tensor, Prompts]], blocks: int) -> None:
        self._roll = roll
        self._blocks = [roll() for _ in range(blocks)]

    def renew(self) -> None:
        self._blocks = [*self._blocks[1:], self._roll()]

    def block(self, rng: Random) -> tuple[Tensor, Prompts]:
        """Ways (B, levels, 8, 16, 16) and their prompts."""
        return rng.choice(self._blocks)


def main(args: argparse.Namespace) -> None:
    """Distils until the time is up; checkpoints lie in runs/distil."""
    torch.manual_seed(args.seed)
    folder, rng = Path(args.painter), Random(args.seed)
    scale = float(json.loads((folder / "diptych.json").read_text())["guidance_scale"])
    teacher = SanaTransformer2DModel.from_pretrained(folder / "transformer", torch_dtype=torch.float32).eval()
    tower, tokenizer = load_text_tower(folder / "text_encoder", folder / "tokenizer")
    student = copy.deepcopy(teacher).train()
    optimizer = MuonAdamW(muon_groups(student, args.lr, 0.0, ENDS))
    committed = Committed(folder / FAST, lambda: load_denoiser(student, folder / FAST))
    run = Run("distil", student, optimizer, options_from(args, ema_decay=0.995, warmup_steps=30), committed)
    teacher.to(run.device), tower.to(run.device)
    grid = student_grid(STEPS)

    @torch.no_grad()
    def roll() -> tuple[Tensor, Prompts]:
        captions = [caption(sample_scene(rng, PAINTER_KINDS), rng) for _ in range(args.batch)]
        tokens = tokenizer(["", *captions], padding=True, truncation=True, return_tensors="pt").to(run.device)
        mask = tokens["attention_mask"]
        noise = torch.randn(args.batch, teacher.config["in_channels"], LATENT_SIDE, LATENT_SIDE, device=run.device)
        with run.autocast(), sdpa_kernel(attention_backends(run.device)):
            states = tower(input_ids=tokens["input_ids"], attention_mask=mask).last_hidden_state.float()
            prompts = Prompts(states[1:], mask[1:], states[:1], mask[:1])
            return roll_out(teacher, noise, grid, prompts, scale), prompts

    pool = RolloutPool(roll, args.blocks)
    for step in run.steps():
        if step % USES == 0:
            pool.renew()
        ways, prompts = pool.block(rng)
        with run.autocast(), sdpa_kernel(attention_backends(run.device)):
            loss = student_loss(student, ways, prompts, grid)
        run.update(loss, log_every=10)
    export(run, folder)


def student_loss(student: SanaTransformer2DModel, ways: Tensor, prompts: Prompts, grid: list[float]) -> Tensor:
    """Mean squared error of the student's velocities, which shall lead from each level of `grid` to the next.

    `ways` (B, levels, 8, 16, 16) are points of the teacher's ways.
    """
    levels = torch.tensor(grid, device=ways.device)
    target = ways.diff(dim=1) / levels.diff()[:, None, None, None]
    count, steps = target.shape[:2]
    states, mask = (each.repeat_interleave(steps, 0) for each in (prompts.states, prompts.mask))
    given = velocity(student, ways[:, :-1].flatten(0, 1), levels[:-1].repeat(count), states, mask)
    return (given - target.flatten(0, 1)).square().mean()


def export(run: Run, folder: Path) -> None:
    """Writes the averaged student in fp16, its scheduler, and how it is to be called."""
    student = copy.deepcopy(run.model)
    assert isinstance(student, SanaTransformer2DModel)
    run.ema.copy_to(student)
    student.cpu().half().save_pretrained(folder / FAST)
    run.write_state(folder / FAST)
    build_scheduler(order=1).save_pretrained(folder / "scheduler_fast")
    defaults = json.loads((folder / "diptych.json").read_text())
    defaults["fast"] = {"steps": STEPS, "guidance_scale": 1.0}
    (folder / "diptych.json").write_text(json.dumps(defaults, indent=1) + "\n")
    make_readable(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Distil the painter into few steps.")
    add_run_arguments(parser, minutes=20)
    parser.add_argument("--lr", type=float, default=4e-4)
    parser.add_argument("--batch", type=int, default=16, help="ways of the teacher in a step")
    parser.add_argument("--blocks", type=int, default=8, help="as many such batches are kept and used again")
    parser.add_argument("--painter", default="models/painter")
    main(parser.parse_args())
