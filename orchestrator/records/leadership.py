"""Who of several orchestrators does what only one shall do: a lease for each such duty. Knows no duties."""

import time

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from shared.database import metadata

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("duty", sa.String(40), primary_key=True),
    sa.Column("holder", sa.String(120), nullable=False),
    sa.Column("until", sa.Double, nullable=False),
)


class Leadership:
    """One process's claim on a duty."""

    def __init__(self, engine: sa.Engine, duty: str, holder: str) -> None:
        self._engine, self._duty, self._holder = engine, duty, holder

    def take(self, seconds: float) -> bool:
        """Hold the duty for so long from now, or learn that somebody else holds it. Blocks."""
        now = time.time()
        values = {"holder": self._holder, "until": now + seconds}
        free = sa.or_(leases.c.holder == self._holder, leases.c.until < now)
        taking = leases.update().where(leases.c.duty == self._duty, free).values(values)
        known = sa.select(leases.c.duty).where(leases.c.duty == self._duty)
        try:
            with self._engine.begin() as connection:
                if connection.execute(taking.returning(leases.c.duty)).first() is not None:
                    return True
                if connection.execute(known).first() is not None:
                    return False
                connection.execute(leases.insert().values(duty=self._duty, **values))
        except IntegrityError:  # another one was first
            return False
        return True

    def give_up(self) -> None:
        """Let another one have it at once."""
        with self._engine.begin() as connection:
            connection.execute(leases.delete().where(leases.c.duty == self._duty, leases.c.holder == self._holder))
