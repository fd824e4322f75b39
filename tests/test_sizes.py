"""What is committed stays small enough to travel: the models, each of their shards, the whole tracked tree."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODELS = [path for path in (ROOT / "models").rglob("*") if path.is_file()]
MB, MIB = 10**6, 2**20


def tracked_files() -> list[Path]:
    """The files that git tracks and that are here. Skips the test where this is no checkout of ours."""
    try:
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("there is no git, or this is not a git checkout: what is tracked cannot be known")
    if not listed:
        pytest.skip("this tree lies in a repository that does not track it")
    return [path for name in listed.rstrip("\0").split("\0") if (path := ROOT / name).is_file()]


def total(files: list[Path]) -> int:
    return sum(path.stat().st_size for path in files)


def test_all_models_together_stay_below_44_mib():
    assert 0 < total(MODELS) <= 44 * MIB


def test_every_shard_stays_below_15_mb():
    shards = {str(path.relative_to(ROOT)): path.stat().st_size for path in MODELS if path.suffix == ".safetensors"}
    assert shards
    assert {name: size for name, size in shards.items() if size > 15 * MB} == {}


def test_weights_are_never_pickles():
    assert not [path for path in MODELS if path.suffix in (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")]


def test_the_tracked_tree_stays_below_60_mib():
    assert 0 < total(tracked_files()) <= 60 * MIB
