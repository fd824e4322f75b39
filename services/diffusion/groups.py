"""Pictures that share a batch, and those that wait to join it. Knows no threads; the engine calls it from one."""

import time

import torch

from services.diffusion.batch import Batch
from services.diffusion.fairness import DeficitRoundRobin
from services.diffusion.tickets import Taken, Ticket, cost_of, fail, is_over, rows_of

QUANTUM = 4
"""Row-steps that an owner's turn is worth. Small, so that nobody has many short pictures in one turn."""


class Group:
    """The pictures that may share a batch."""

    def __init__(self) -> None:
        self.running: list[Ticket] = []
        self.waiting: DeficitRoundRobin[Ticket] = DeficitRoundRobin(QUANTUM)
        self._batch: Batch | None = None

    def settle(self) -> None:
        """Before a step: let go whom nobody waits for or who is late, and let in as many as fit."""
        now = time.time()
        for ticket in self.running:
            is_over(ticket, now)
        self.waiting.drop(lambda ticket: is_over(ticket, now))
        staying = [ticket for ticket in self.running if not ticket.left]
        while (ticket := self.waiting.take()) is not None:
            picture = ticket.picture
            if staying and rows_of(staying) + picture.rows > picture.most_rows():
                self.waiting.give_back(ticket.owner, ticket, cost_of(ticket))
                break
            staying.append(ticket)
        if staying != self.running:
            self.running, self._batch = staying, None

    def step(self) -> None:
        """One step of all that run."""
        if self._batch is None:
            self._batch = Batch([ticket.picture for ticket in self.running])
        self._batch.step()

    def step_apart(self) -> None:
        """The same one by one, so that only those fail who do not work alone either."""
        self._batch = None
        for ticket in self.running:
            try:
                Batch([ticket.picture]).step()
            except torch.AcceleratorError:
                raise
            except Exception as error:
                fail(ticket, error)

    def finish(self) -> list[Taken]:
        """After a step: who has taken it. Who is done is let go."""
        stepped = [ticket for ticket in self.running if not ticket.left]
        staying = [ticket for ticket in stepped if not ticket.done]
        if len(staying) < len(self.running):
            self.running, self._batch = staying, None
        return [Taken(ticket, ticket.picture.step, ticket.picture.latents) for ticket in stepped]
