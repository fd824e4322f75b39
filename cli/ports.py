"""TCP ports on this machine."""

import errno
import random
import socket
from pathlib import Path

LOWEST = 20_000
_given: set[int] = set()
"""In this process: whoever was given one may not listen yet."""


def free_port() -> int:
    """A port that nothing listens on. See `free_ports`."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on and nobody was given, below those that the kernel gives to outgoing connections.

    A client that keeps on connecting to a dead local server can be given the server's own port by the kernel and so
    connect to itself; the server then cannot come back. Ports outside that range cannot be hit.
    """
    try:
        first_given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError):
        first_given = 32_768
    candidates = range(LOWEST, first_given) if first_given > LOWEST else range(1024, first_given)
    free: list[int] = []
    for port in random.sample(candidates, k=min(200, len(candidates))):
        if len(free) == count:
            break
        if port not in _given and is_free(port):
            _given.add(port)
            free.append(port)
    if len(free) == count:
        return free
    raise OSError(errno.EADDRINUSE, "no free TCP port")


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers do: a closed one's last packets are no harm
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    return True
