"""Who is next where more wait than fit: deficit round robin (Shreedhar and Varghese, SIGCOMM 1995)."""

from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class DeficitRoundRobin(Generic[T]):
    """Queues of several owners. Each gets the same work done in its turn, however many of another's wait and however
    large they are."""

    def __init__(self, quantum: float) -> None:
        """`quantum`: how much work an owner's turn adds to what it may have done."""
        self._quantum = quantum
        self._queues: dict[str, deque[tuple[float, T]]] = {}
        """Of owners who have something waiting; the first one's turn it is."""
        self._credit: dict[str, float] = {}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def put(self, owner: str, item: T, cost: float) -> None:
        """`cost`: the item's work, over 0."""
        self._queues.setdefault(owner, deque()).append((cost, item))

    def take(self) -> T | None:
        """The next item; None where there is none."""
        while self._queues:
            owner, queue = next(iter(self._queues.items()))
            cost, item = queue[0]
            if self._credit.get(owner, 0) >= cost:
                self._credit[owner] -= cost
                queue.popleft()
                if not queue:  # who has nothing waiting saves nothing up
                    self._forget(owner)
                return item
            self._credit[owner] = self._credit.get(owner, 0) + self._quantum
            self._queues[owner] = self._queues.pop(owner)
        return None

    def give_back(self, owner: str, item: T, cost: float) -> None:
        """Undo a `take`, where the item does not fit yet: it stays its owner's first."""
        queue = self._queues.pop(owner, deque())
        self._queues = {owner: queue, **self._queues}
        queue.appendleft((cost, item))
        self._credit[owner] = self._credit.get(owner, 0) + cost

    def drop(self, unwanted: Callable[[T], bool]) -> None:
        """Take out what nobody waits for any more."""
        for owner, queue in list(self._queues.items()):
            kept = deque(entry for entry in queue if not unwanted(entry[1]))
            self._queues[owner] = kept
            if not kept:
                self._forget(owner)

    def _forget(self, owner: str) -> None:
        self._queues.pop(owner)
        self._credit.pop(owner, None)
