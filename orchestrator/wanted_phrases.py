"""The phrases by which a prompt speaks of words in a picture, as patterns. See `wanted_words` for what they mean."""

import re

from PIL import ImageColor


def _pattern(text: str, flags: int = re.IGNORECASE) -> re.Pattern[str]:
    return re.compile(text, flags)


_QUOTES = (
    r'"[^"\n]{1,300}"',
    r"“[^”\n]{1,300}”",
    r"„[^“”\n]{1,300}[“”]",
    r"«[^»\n]{1,300}»",
    r"「[^」\n]{1,300}」",
    r"『[^』\n]{1,300}』",
    r"(?<!\w)‘(?:[^‘’\n]|(?<=\w)’(?=\w)){1,300}’(?!\w)",
    r"(?<!\w)'(?:[^'\n]|(?<=\w)'(?=\w)){1,300}'(?!\w)",
)
QUOTED = _pattern("|".join(_QUOTES))
_THINGS = (
    "sign signboard banner billboard poster placard board blackboard chalkboard whiteboard label sticker badge button "
    "plaque plate flag ribbon card postcard note ticket tag stamp mug cup bottle jar box cake shirt t-shirt tee hat "
    "cap bag cover book door window screen wall shop storefront logo neon balloon scroll"
)
_THING = rf"\b(?:{'|'.join(_THINGS.split())})s?"
_WRITING = r"(?:words?|text|phrase|letters?|lettering|inscription|caption|slogan|writing)"
_NAMING = rf"(?:{_WRITING}|title|headline|heading|message|name|numbers?|motto|greeting)"
_SAYS = r"(?:says?|reads?|saying|reading|spells?(?: out)?|spelling(?: out)?)"
_MARKED = (
    r"(?:labell?ed|titled|entitled|captioned|inscribed|marked|stamped|printed|engraved|emblazoned|lettered|written)"
)
_BEARS = (
    r"(?:,\s*)?\b(?:with|bearing|showing|displaying|featuring|carrying|containing|having|(?:that |which )?has|and)\s+"
)
_CHANGE = (
    rf"\b(?:change|set|replace|rewrite)\s+(?:the\s+)?(?:\w+\s+)?{_NAMING}"
    r"(?:\s+(?:on|in)\s+\w+(?:\s+\w+)?)?\s+(?:to|with|as)"
)
_END = r"\s*[:,]?\s*$"
"""Behind these phrases the quotes begin."""

LEAD = _pattern(
    "(?:"
    + "|".join(
        (
            rf"(?:\b(?:that|which|who)\s+)?(?:\b(?:clearly|just)\s+)?\b{_SAYS}",
            rf"(?:{_BEARS})?\b(?:the|an?|some)\s+(?:\w+\s+)?{_NAMING}(?:\s+(?:that\s+|which\s+)?{_SAYS})?",
            rf"(?:{_BEARS})?\b{_WRITING}(?:\s+(?:that\s+|which\s+)?{_SAYS})?",
            rf"\b{_MARKED}(?:\s+(?:with|as))?(?:\s+the\s+{_NAMING})?",
            rf"{_CHANGE}(?:\s+(?:say|read))?",
            r"\b(?:write|print|letter)",
        )
    )
    + ")"
    + _END
)
"""What speaks of the words in quotes behind it, and goes with them."""
THING = _pattern(_THING + _END)
"""What has words on it, and stays."""
BEFORE = _pattern(_BEARS + "$")
"""What goes with quotes that are only spoken of afterwards."""
CHAINED = _pattern(r"\s*(?:,|,?\s*(?:and|or)\b|&|/)\s*")
"""Between quotes that belong together."""

_ON_IT = (
    r"(?:(?:written|printed|painted|engraved|displayed|set)\s+)?"
    r"(?:on|across|over|above|below|under|underneath|along|around)\s+(?:it|them|top|its\s+(?:front|side|top|face))\b"
)
_IN_LETTERS = (
    r"(?:(?:written|printed|painted|set)\s+)?in\s+(?:[\w-]+\s+){0,3}?(?:letters|lettering|type|font|capitals)\b"
)
_AT = (
    r"(?:(?:written|printed|painted|set)\s+)?(?:at|in|near|along|across)\s+the\s+(?:very\s+)?"
    r"(?:top|bottom|middle|centre|center)\b(?!\s+of\b)"
)
AFTER = _pattern(rf"(?:,?\s+(?:{_ON_IT}|{_IN_LETTERS}|{_AT}|written\b(?!\s+in\b)|printed\b))*")
"""What speaks of the words before it."""

_STOPS = (
    r"(?:on|in|at|and|or|but|with|under|above|below|over|beside|next|near|behind|before|between|by|from|against|while|"
    r"inside|outside|standing|hanging|sitting|made|painted|written|printed|of|is|are|that|which|as)"
)
_DESCRIBES = r"(?:an?|the|his|her|my|its|their|your|our|it|he|she|they|this|these|those|something|nothing|some|many|no)"
_CAPITAL = r"(?:[A-Z0-9&$€£%#+À-ÖØ-ÞΑ-ΩА-Я][A-Z0-9&$€£%#+'’./:–À-ÖØ-ÞΑ-ΩА-Я-]*|[&+–-])"
CAPITALS = _pattern(rf"(?=\S*[A-Z0-9À-ÖØ-ÞΑ-ΩА-Я]){_CAPITAL}(?:\s+{_CAPITAL})*(?<![.:/'’–-])[!?]*(?!\w)", 0)
"""Words in capital letters, and numbers."""
_WORD = rf"(?!{_STOPS}\b)[^\s,.;:!?()\"“”„«»「」]+"
FREE = _pattern(rf"(?!{_DESCRIBES}\s){_WORD}(?:\s+{_WORD})*[!?]*")
"""Words up to what begins something else."""
FREE_LEADS = (
    (_pattern(rf"{_THING}(?P<out>\s+(?:that|which)\s+(?:says?|reads?))\s*:?\s+"), True),
    (_pattern(rf"{_THING}(?P<out>\s+(?:saying|reading))\s*:?\s+"), False),
    (_pattern(rf"{_THING}(?P<out>\s+(?:(?:to\s+)?say|read))\s*:?\s+"), False),
    (_pattern(rf"(?P<out>{_CHANGE}(?:\s+(?:say|read))?)\s*:?\s+"), False),
    (_pattern(rf"(?P<out>{_BEARS}the\s+(?:words?|text|phrase))\s*:?\s+"), True),
    (
        _pattern(
            rf"(?P<out>(?:{_BEARS})?\bthe\s+(?:word|words|text|letters?|lettering|inscription|caption|slogan|numbers?))"
            r"\s*:?\s+(?=(?-i:[A-Z0-9]{2}|[0-9]))"
        ),
        False,
    ),
)
"""What speaks of words without quotes behind it, from `out` on; and whether they may begin with a small letter."""


def colour_of(tail: str) -> str | None:
    """The first colour in `in … letters`, as `#rrggbb`."""
    style = re.search(r"\bin\s+((?:[\w-]+\s+){1,3}?)(?:letters|lettering|type|font|capitals)\b", tail, re.IGNORECASE)
    for word in style[1].split() if style else ():
        try:
            red, green, blue = ImageColor.getrgb(word)[:3]
        except ValueError:
            continue
        return f"#{red:02x}{green:02x}{blue:02x}"
    return None
