"""Pages of rows by a moment and an id, as all lists have them. Knows no table."""

from typing import Any

import sqlalchemy as sa

Order = tuple[sa.Column[Any], sa.Column[Any]]


def page_of(
    wanted: sa.Select[Any], order: Order, *, after: tuple[float, str] | None, limit: int, newest_first: bool
) -> sa.Select[Any]:
    """The rows that follow `after` in the order, with one more than `limit`, which tells whether more follow."""
    if after is not None:
        here, there = sa.tuple_(*order), sa.tuple_(*map(sa.literal, after))
        wanted = wanted.where(here < there if newest_first else here > there)
    return wanted.order_by(*(column.desc() if newest_first else column.asc() for column in order)).limit(limit + 1)
