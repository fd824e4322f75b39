"""Functions made of a verb and a noun ("cancel_subscription", "invoiceStatus"), with parameters of every kind.

Thousands of names. Some verbs and nouns are held out from training. Does not know conversations.
"""

from dataclasses import replace
from functools import lru_cache
from random import Random
from typing import Any

from training.phrasings.function_splits import HELD_OUT_VERBS, held_out_names, held_out_nouns, shows_held_out
from training.phrasings.function_values import LAST_IN_MESSAGE, made
from training.phrasings.functions import Draft, Wish, camel, function_schema, spoken
from training.phrasings.grammar import lines
from training.phrasings.known_functions import known_wish
from training.phrasings.random_parameters import fragment, random_parameters
from training.phrasings.subjects import nonsense

_ASKING = frozenset(("get", "check", "show", "find", "fetch", "read", "list", "calculate", "predict", "measure"))
_COMMON_VERBS = "get set find book order create add send show list start play check make new log search buy"
_COMMON = frozenset(_COMMON_VERBS.split())
"""Verbs that many functions share: their objects tell them apart."""
_MADE_UP = 0.15
"""How often verb, noun and a parameter are words of no language: what fits must then be seen from the letters."""


@lru_cache(maxsize=1)
def verbs() -> dict[str, tuple[str, ...]]:
    """Each verb with what people say for it."""
    return {
        verb: tuple(said.split("|")) for verb, _, said in (line.partition(": ") for line in lines("function_verbs"))
    }


def _words(rng: Random, *, held_out: bool) -> tuple[str, str, tuple[str, ...]]:
    """Verb, noun, and what people say for the verb."""
    if rng.random() < _MADE_UP:
        verb = (
            nonsense(rng)
            if rng.random() < 0.6
            else rng.choice([each for each in verbs() if each not in HELD_OUT_VERBS])
        )
        return verb, nonsense(rng), verbs().get(verb, (verb,))
    unseen_verb, unseen_noun = rng.choice(((True, False), (False, True), (True, True))) if held_out else (False, False)
    verb = rng.choice([each for each in verbs() if (each in HELD_OUT_VERBS) == unseen_verb])
    noun = rng.choice([each for each in lines("function_nouns") if (each in held_out_nouns()) == unseen_noun])
    said = verbs()[verb] if not unseen_verb else (verb,)
    return verb, noun, said if rng.random() < 0.6 else (verb,)


def _name(verb: str, noun: str, rng: Random) -> str:
    noun = noun.replace(" ", "_")
    name = rng.choices((f"{verb}_{noun}", f"{noun}_{verb}", noun, f"{verb}_{noun}s"), (8, 2, 1, 1))[0]
    style = rng.random()
    if style < 0.3:
        return camel(name)
    return name.replace("_", "-") if style < 0.36 else name


def _description(verb: str, noun: str, names: list[str], rng: Random) -> str:
    article = rng.choice((f"a{'n' if noun[0] in 'aeiou' else ''} ", "the ", ""))
    base = rng.choice(
        (f"{verb} {article}{noun}", f"{verb}s {article}{noun}", f"Use this to {verb} {article}{noun}", f"{noun} {verb}")
    )
    if names and rng.random() < 0.3:
        base += rng.choice((" by ", " with ", " for a ", " given its ")) + spoken(rng.choice(names))
    return (base[0].upper() + base[1:] + rng.choice((".", ""))) if rng.random() < 0.8 else ""


def _frame(verb: str, noun: str, said: tuple[str, ...], parts: list[str], rng: Random) -> str:
    article = rng.choice(("the ", "a ", "my ", "this ", "our ", "", "the "))
    article = "an " if article == "a " and noun[0] in "aeiou" else article
    rest = "".join(f" {part}" for part in parts)
    style = rng.random()
    if verb in _ASKING and style < 0.3:
        return (
            f"{rng.choice(('what is', 'what', 'tell me', 'how is', 'I need', 'I want to know'))} {article}{noun}{rest}"
        )
    if style < 0.4:
        return f"{article}{noun}{rest}, {rng.choice(said)} {rng.choice(('it', 'that', 'it please'))}"
    if style < 0.5 and len(parts) > 1:
        return f"{parts[0]}, {rng.choice(said)} {article}{noun}{''.join(f' {part}' for part in parts[1:])}"
    lead = made(rng.choice(lines("function_leads")), rng) if style < 0.8 else ""
    return f"{lead}{rng.choice(said)} {article}{noun}{rest}"


def composed_wish(rng: Random, *, held_out: bool = False) -> Wish:
    """Somebody wants a function made of a verb and a noun."""
    verb, noun, said = _words(rng, held_out=held_out)
    name = _name(verb, noun, rng)
    drawn = random_parameters(rng)
    if name != name.lower():
        drawn = {camel(key): (replace(p, name=camel(key)), ways) for key, (p, ways) in drawn.items()}
    draft = Draft()
    mentioned = [pair for pair in drawn.values() if pair[0].required or rng.random() < 0.55]
    rng.shuffle(mentioned)
    mentioned.sort(key=lambda pair: pair[0].kind in LAST_IN_MESSAGE)
    parts = [fragment(draft, parameter, ways, rng) for parameter, ways in mentioned]
    parameters = tuple(parameter for parameter, _ in drawn.values())
    message, arguments = draft.finish(_frame(verb, noun, said, parts, rng), parameters, rng)
    description = _description(verb, noun, list(drawn), rng)
    if rng.random() < 0.04:
        name, description = (
            f"{rng.choice(('fn', 'tool', 'api', 'action'))}_{rng.randint(1, 99)}",
            f"{verb} {noun}".capitalize(),
        )
    return Wish(function_schema(name, description, parameters), message, arguments, verb, noun)


def wish(rng: Random, *, held_out: bool = False) -> Wish:
    """Somebody wants a function: one that training may show, or one that it never shows."""
    while True:
        found = (known_wish if rng.random() < 0.4 else composed_wish)(rng, held_out=held_out)
        if held_out or not shows_held_out(found):
            return found


def fits_too(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether two functions share a telling word of their names, so that a message might want either."""
    one, two = (set(spoken(each["function"]["name"]).split()) for each in (first, second))
    return bool((one & two) - _COMMON) or one <= two or two <= one


def _near_miss(wanted: Wish, rng: Random) -> dict[str, Any]:
    """A function that does something else with the same noun."""
    said = set(verbs().get(wanted.verb, ())) | {wanted.verb}
    able = [each for each, words in verbs().items() if each not in HELD_OUT_VERBS and said.isdisjoint({each, *words})]
    named = wanted.noun.replace(" ", "_")
    verb = rng.choice([each for each in able if f"{each}_{named}" not in held_out_names()])
    drawn = random_parameters(rng)
    name = f"{verb}_{named}"
    name = camel(name) if wanted.function["function"]["name"] != wanted.function["function"]["name"].lower() else name
    parameters = tuple(parameter for parameter, _ in drawn.values())
    return function_schema(name, _description(verb, wanted.noun, list(drawn), rng), parameters)


def others(wanted: Wish, count: int, rng: Random, *, held_out: bool = False) -> list[dict[str, Any]]:
    """`count` functions that do not fit the message; one may do something else with the same thing."""
    found: list[dict[str, Any]] = []
    clear = wanted.verb and wanted.verb in spoken(wanted.function["function"]["name"])
    if count and clear and rng.random() < 0.3:
        found.append(_near_miss(wanted, rng))
    while len(found) < count:
        other = wish(rng, held_out=held_out and rng.random() < 0.5).function
        if not any(fits_too(other, each) for each in (wanted.function, *found)):
            found.append(other)
    return found
