"""The letters that PDFs are set in: Source Sans Pro, embedded, which has those of Latin, Greek and Cyrillic scripts.

What the font has no letter for is written as Unicode takes it apart, and as ``?`` where there is nothing to write: a
name never fails, and never turns into another.
"""

import unicodedata
from functools import lru_cache
from pathlib import Path

import font_source_sans_pro
from fontTools.ttLib import TTFont
from fpdf import FPDF

FAMILY = "source"

# Stands for the number of pages, which is not known before the last; so it stands nowhere else.
PAGES = "¦¦¦¦¦"

_FOLDER = Path(font_source_sans_pro.__file__).parent / "files"
_FACES = {"": _FOLDER / "SourceSansPro-Regular.ttf", "B": _FOLDER / "SourceSansPro-Semibold.ttf"}


def add_to(pdf: FPDF) -> None:
    """Make the font known to a document."""
    for style, file in _FACES.items():
        pdf.add_font(FAMILY, style, file)


def text(words: str) -> str:
    """A text in letters that the font has, on one line."""
    return "".join(_written(letter) for letter in unicodedata.normalize("NFC", " ".join(words.split())))


def _written(letter: str) -> str:
    if letter in PAGES:
        return "|"
    if ord(letter) in _characters():
        return letter
    apart = unicodedata.normalize("NFKD", letter)
    base = "".join(part for part in apart if not unicodedata.combining(part))
    return base if base and all(ord(part) in _characters() for part in base) else "?"


@lru_cache(maxsize=1)
def _characters() -> frozenset[int]:
    with TTFont(_FACES[""], lazy=True) as font:
        return frozenset(font.getBestCmap())
