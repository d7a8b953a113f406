"""The letters that PDFs are set in: Source Sans Pro where its package is installed, which has those of Latin, Greek and
Cyrillic scripts and is embedded; otherwise the Helvetica that every reader of PDF has, with the letters of Latin-1.

What a font has no letter for is written with letters it has: first as Unicode takes it apart (``Ż`` is ``Z``), then by
the table below, and as ``?`` where there is nothing to write. So a name never fails, and never turns into others.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from fpdf import FPDF

# Stands for the number of pages, which is not known before the last; so it stands nowhere else.
PAGES = "¦¦¦¦¦"

_FACES = {"": "SourceSansPro-Regular.ttf", "B": "SourceSansPro-Semibold.ttf"}
_WRITTEN = str.maketrans(
    {
        "¦": "|",
        "€": "EUR",
        "£": "GBP",
        "ł": "l",
        "Ł": "L",
        "đ": "d",
        "Đ": "D",
        "ħ": "h",
        "ı": "i",
        "ŋ": "n",
        "œ": "oe",
        "Œ": "OE",
        "ŧ": "t",
        "ẞ": "SS",
        "ə": "e",
        "–": "-",
        "—": "-",
        "−": "-",
        "‘": "'",
        "’": "'",
        "‚": "'",
        "“": '"',
        "”": '"',
        "„": '"',
        "…": "...",
        "•": "-",
    }
)


@dataclass(frozen=True)
class Lettering:
    """A font's name, its files by style (none for the reader's own Helvetica) and the characters it has."""

    family: str
    files: tuple[tuple[str, Path], ...]
    characters: frozenset[int]

    @property
    def is_embedded(self) -> bool:
        """Whether the document holds the font, so that it looks the same for ever and everywhere."""
        return bool(self.files)

    def add_to(self, pdf: FPDF) -> None:
        """Make the font known to a document."""
        for style, file in self.files:
            pdf.add_font(self.family, style, file)

    def text(self, said: str) -> str:
        """A text in letters that the font has, on one line."""
        return "".join(self._written(letter) for letter in unicodedata.normalize("NFC", " ".join(said.split())))

    def _written(self, letter: str) -> str:
        if ord(letter) in self.characters and letter not in PAGES:
            return letter
        apart = unicodedata.normalize("NFKD", letter)
        base = "".join(part for part in apart if not unicodedata.combining(part)).translate(_WRITTEN)
        return base if base and all(ord(part) in self.characters for part in base) else "?"


@lru_cache(maxsize=1)
def chosen() -> Lettering:
    """The lettering of this installation."""
    try:
        import font_source_sans_pro as package
    except ImportError:
        return Lettering("helvetica", (), frozenset(range(0x20, 0x7F)) | frozenset(range(0xA0, 0x100)))
    from fontTools.ttLib import TTFont

    folder = Path(package.__file__).parent / "files"
    files = tuple((style, folder / name) for style, name in _FACES.items())
    with TTFont(files[0][1], lazy=True) as font:
        return Lettering("source", files, frozenset(font.getBestCmap()))
