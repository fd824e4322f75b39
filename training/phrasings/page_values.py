"""Values as pages print them: amounts, dates, names of shops.

Knows how they look. Does not know pages.
"""

from random import Random

from training.phrasings.function_values import made, value
from training.phrasings.grammar import lines
from training.phrasings.subjects import nonsense

MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November")
_STORES = (
    "Store",
    "Market",
    "Bakery",
    "Cafe",
    "Foods",
    "Books",
    "Garage",
    "Pharmacy",
    "Hotel",
    "Flowers",
    "Shop",
    "Bar",
)
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_STREETS = ("Street", "Road", "Avenue", "Lane", "Square", "Street")


def money(rng: Random) -> str:
    """An amount as receipts print it."""
    amount = f"{rng.randint(0, rng.choice((9, 99, 999)))}{rng.choice(('.', '.', ','))}{rng.randint(0, 99):02d}"
    return rng.choice((amount, amount, amount, f"{amount} EUR", f"${amount}", f"{amount} €"))


def _date(rng: Random) -> str:
    day, month, year = rng.randint(1, 28), rng.randint(1, 11), rng.randint(2019, 2027)
    name = MONTHS[month - 1]
    words = (f"{day} {name} {year}", f"{name} {day}, {year}")
    return rng.choice(
        (f"{day:02d}.{month:02d}.{year}", f"{year}-{month:02d}-{day:02d}", f"{month}/{day}/{year}", *words)
    )


def page_value(template: str, rng: Random) -> str:
    """One of the alternatives of a value, its slots filled."""
    text = rng.choice(template.split("|"))
    own = {
        "{money}": money,
        "{date}": _date,
        "{store}": lambda r: r.choice(_STORES),
        "{STORE}": lambda r: r.choice(_STORES).upper(),
        "{street}": lambda r: r.choice(_STREETS),
        "{STREET}": lambda r: r.choice(_STREETS).upper(),
        "{NONSENSE}": lambda r: nonsense(r).upper(),
        "{INT}": lambda r: str(r.randint(1, 99)),
        "{NOUN}": lambda r: r.choice(lines("nouns")).upper(),
        "{Name}": lambda r: r.choice(lines("names")),
        "{NAME}": lambda r: r.choice(lines("names")).upper(),
        "{name_low}": lambda r: r.choice(lines("names")).split()[-1].lower(),
        "{mm}": lambda r: f"{r.randrange(0, 60, 5):02d}",
        "{weekday}": lambda r: r.choice(_WEEKDAYS),
        "{problem}": lambda r: value("problem", r),
        "{the_thing}": lambda r: f"the {r.choice(lines('nouns'))}",
        "{topic_words}": lambda r: value("topic", r),
    }
    for slot, make in own.items():
        while slot in text:
            text = text.replace(slot, make(rng), 1)
    return made(text, rng)


def cased(words: str, rng: Random) -> str:
    """Small, capitalised, in capitals, or each word capitalised."""
    return rng.choice((words, words.capitalize(), words.upper(), words.title()))
