"""Scripts by Unicode alone."""

import pytest

from services.ocr.reader import Reader
from services.ocr.scripts import script_of, scripts_in


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("Straße 12", "Latin"),
        ("Καλημέρα", "Greek"),
        ("Привет", "Cyrillic"),
        ("漢字", "Han"),
        ("東京タワーへ", "Japanese"),
        ("ＡＢＣ", "Latin"),
        ("안녕", "Hangul"),
        ("שלום", "Hebrew"),
        ("مرحبا", "Arabic"),
        ("12.50 %", ""),
        ("", ""),
        ("Größe α", "Latin"),
    ],
)
def test_the_script_is_that_of_most_letters(text: str, script: str):
    assert script_of(text) == script


def test_the_reader_knows_which_scripts_it_reads(reader: Reader):
    assert set(scripts_in(reader.models.characters)) == {"Han", "Latin", "Hiragana", "Katakana"}
