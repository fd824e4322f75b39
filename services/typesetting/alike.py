"""Whether what was read is what was wanted, as far as a font shows it. Knows no pictures.

Only what cannot be told apart by looking is taken for the same; everything else must be read as it was written, in the
same order, with the same spaces between words.
"""

import re
import unicodedata

Groups = tuple[tuple[str, str], ...]
"""Groups of characters with spaces between them, and why their members count as the same."""
SAME: Groups = (
    (
        "AΑА BΒВ CС EΕЕ HΗН IΙІ JЈ KΚ MΜМ NΝ OΟО PΡР SЅ TΤТ XΧХ YΥ ZΖ aа cс eе iі jј oοо pр sѕ xх yу ΓГ ΠП ΦФ",
        "Latin, Greek and Cyrillic letters that the fonts draw with one and the same outline",
    ),
    ("-‐‑", "hyphens of one outline, which differ in where a line may break"),
    ("'‘’‚`´′ \"“”„″", "quotation marks: which way a tick of two pixels leans, and whether it leans at all"),
)
"""What nobody can tell apart."""
ALONE: Groups = (
    ("-–—−", "dashes differ in length alone: that is seen only where one stands beside the other"),
    ("0O", "an oval, narrow or wide: that is seen only beside the other, and no font here crosses out the zero"),
    (
        "へヘ べベ ぺペ カ力 エ工 ロ口 ニ二 ハ八 タ夕 ト卜 ー一",
        "kana and Chinese characters of the same strokes, a little smaller or larger",
    ),
)
"""What nobody can tell apart by itself: where two of a group are wanted, each must be read as it is."""
FORMS = ("<wide>", "<narrow>", "<compat>", "<noBreak>")
"""Unicode's variants that differ in room alone, or in how they are put together (… and ...); a raised or circled digit
is another sign."""
UNSPACED = r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef]"
"""Beside these a space, or the end of a line, is no character of its own."""


def same(wanted: str, read: str) -> bool:
    """Whether a reading shows exactly the wanted words; their lines may have been broken."""
    wanted, read = (spaced(plain(text)).translate(table_of(SAME)) for text in (wanted, read))
    alone = table_of(ALONE, but=wanted)
    return wanted.translate(alone) == read.translate(alone)


def table_of(groups: Groups, *, but: str = "") -> dict[int, str]:
    """What counts as what: each character of a group as its first, but for groups of which a text has two."""
    found = (group for members, _ in groups for group in members.split() if len(set(group) & set(but)) < 2)
    return {ord(character): group[0] for group in found for character in group}


def plain(text: str) -> str:
    """Composed, without variants of the same sign and without what takes no room."""
    folded = (
        unicodedata.normalize("NFKC", character)
        if unicodedata.decomposition(character).partition(" ")[0] in FORMS
        else character
        for character in unicodedata.normalize("NFC", text)
        if unicodedata.category(character) != "Cf"
    )
    return unicodedata.normalize("NFC", "".join(folded))


def spaced(text: str) -> str:
    """One space between words, none beside characters that know none."""
    words = " ".join(text.split())
    return re.sub(rf"(?<={UNSPACED}) | (?={UNSPACED})", "", words)
