"""Deficit round robin: equal work for each owner, whatever they ask for."""

from services.diffusion.fairness import DeficitRoundRobin


def taken(waiting: DeficitRoundRobin[str], count: int) -> list[str]:
    return [item for _ in range(count) if (item := waiting.take()) is not None]


def test_owners_alternate_however_many_of_one_wait():
    waiting: DeficitRoundRobin[str] = DeficitRoundRobin(10)
    for _ in range(100):
        waiting.put("greedy", "g", 10)
    waiting.put("modest", "m", 10)
    assert "m" in taken(waiting, 2)
    assert len(waiting) == 99


def test_an_owner_of_large_things_gets_fewer_of_them():
    waiting: DeficitRoundRobin[str] = DeficitRoundRobin(10)
    for _ in range(100):
        waiting.put("large", "L", 40)
        waiting.put("small", "s", 10)
    first = taken(waiting, 50)
    assert first.count("L") == 10
    assert first.count("s") == 40


def test_what_is_given_back_comes_first_again_and_costs_nothing():
    waiting: DeficitRoundRobin[str] = DeficitRoundRobin(10)
    waiting.put("one", "a", 10)
    waiting.put("one", "b", 10)
    item = waiting.take()
    assert item == "a"
    waiting.give_back("one", item, 10)
    assert taken(waiting, 3) == ["a", "b"]


def test_what_nobody_wants_is_dropped():
    waiting: DeficitRoundRobin[str] = DeficitRoundRobin(10)
    for item in "abc":
        waiting.put(item, item, 10)
    waiting.drop(lambda item: item in "ac")
    assert taken(waiting, 3) == ["b"]
    assert len(waiting) == 0


def test_nobody_saves_up_while_having_nothing_to_do():
    waiting: DeficitRoundRobin[str] = DeficitRoundRobin(1000)
    waiting.put("early", "e", 1)
    assert waiting.take() == "e"
    for _ in range(10):
        waiting.put("early", "e", 1000)
        waiting.put("late", "l", 1000)
    assert taken(waiting, 4).count("e") == 2
