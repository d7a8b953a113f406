"""Draws letters as PDF. The same letter is the same bytes, whenever and wherever it is drawn."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fpdf import FPDF
from fpdf.enums import Align, OutputIntentSubType, XPos, YPos
from fpdf.output import PDFICCProfile

from leadgen.documents.adapters import fonts
from leadgen.documents.domain.letter import Column, Letter, Party, Table

_MARGIN, _TOP, _FOOT = 20, 18, 26  # millimetres, as everything here
_INK, _QUIET, _RULE, _HEAD, _ACCENT = (31, 41, 55), (107, 114, 128), (209, 213, 219), (243, 244, 246), (29, 78, 216)
_LINE, _ROW, _PAD = 4.6, 6.4, 1.6
_SUMS_FROM = 88  # where the sums begin, from the left margin


@dataclass(frozen=True)
class Embedded:
    """A file that goes along inside the PDF (as PDF/A-3), with the metadata (XMP) that announces it."""

    filename: str
    description: str
    content: bytes
    xmp: str


def draw(letter: Letter, embedded: Embedded | None = None) -> bytes:
    """The letter as a PDF; with a file inside it is PDF/A-3."""
    sheet = _Sheet(letter, as_archive=embedded is not None)
    if embedded is not None:
        sheet.carry(embedded)
    sheet.head()
    for table in letter.tables:
        sheet.rows(table)
    sheet.sums()
    sheet.notes()
    return bytes(sheet.output())


class _Sheet(FPDF):
    """The paper: A4, with a foot on every page and a running head from the second one on."""

    def __init__(self, letter: Letter, *, as_archive: bool) -> None:
        super().__init__(format="A4", enforce_compliance="PDF/A-3B" if as_archive else None)
        self._letter = letter
        fonts.add_to(self)
        self.set_creation_date(letter.created_at)
        self.set_title(fonts.text(letter.name))
        self.set_author(fonts.text(letter.sender.name))
        self.set_lang("en")
        self.alias_nb_pages(fonts.PAGES)
        self.set_producer("LeadGen")
        self.set_margins(_MARGIN, _TOP, _MARGIN)
        self.c_margin = 0
        self.set_auto_page_break(False)
        self.set_draw_color(*_RULE)
        self.set_line_width(0.2)
        self.add_page()

    def carry(self, embedded: Embedded) -> None:
        """Embed a file, and name it in the metadata."""
        self.set_xmp_metadata(embedded.xmp)
        self.embed_file(
            bytes=embedded.content,
            basename=embedded.filename,
            desc=embedded.description,
            mime_type="text/xml",
            associated_file_relationship="Alternative",
            creation_date=self._letter.created_at,
            modification_date=self._letter.created_at,
            compress=True,
            checksum=True,
        )
        profile = PDFICCProfile(contents=_colors(), n=3, alternate="DeviceRGB")
        self.add_output_intent(OutputIntentSubType.PDFA, "sRGB", "sRGB IEC61966-2.1", dest_output_profile=profile)

    def header(self) -> None:
        """From the second page on: whose letter this is."""
        if self.page_no() == 1:
            return
        self._ink(_QUIET, 8)
        self.set_xy(_MARGIN, _TOP - 6)
        self._write_text(self._letter.sender.name, self.epw / 2)
        self._write_text(self._letter.name, self.epw / 2, align=Align.R)
        self.set_xy(_MARGIN, _TOP + 2)

    def footer(self) -> None:
        """Who sells, and which page this is."""
        self.set_y(-_FOOT + 8)
        self.line(_MARGIN, self.y, self.w - _MARGIN, self.y)
        self.set_y(self.y + 2)
        self._ink(_QUIET, 7.5)
        lines = [line for part in self._letter.footer for line in self._wrapped(part, self.epw - 30)][:3]
        top = self.y
        for line in lines:
            self._write_text(line, self.epw - 30, height=3.6, ends=True)
        self.set_xy(self.w - _MARGIN - 20, top)
        self.cell(20, 3.6, f"Page {self.page_no()} of {fonts.PAGES}")

    def head(self) -> None:
        """Who writes, what this is, who is written to, and the facts about it."""
        letter = self._letter
        self._ink(_INK, 24, "B")
        self.set_xy(_MARGIN + 100, _TOP)
        self._write_text(letter.title, self.epw - 100, height=10, align=Align.R)
        self.set_xy(_MARGIN, _TOP)
        self._party(letter.sender, 95, size=13)
        self.set_y(max(self.y, _TOP + 22) + 5)
        self.line(_MARGIN, self.y, self.w - _MARGIN, self.y)
        top = self.y + 5
        self.set_xy(_MARGIN, top)
        self._ink(_QUIET, 8)
        self._write_text("To", 80, ends=True)
        self._party(letter.recipient, 78, size=11)
        below = self.y
        self.set_y(top)
        for label, value in letter.facts:
            self._fact(label, value, left=_MARGIN + 85, label_width=34, width=self.epw - 85 - 34)
        self.set_y(max(below, self.y) + 8)

    def rows(self, table: Table) -> None:
        """A table; its head stands again on every page that it goes on to."""
        widths = _widths(table.columns, self.epw)
        if not self._has_room(3 * _ROW):
            self.add_page()
        if table.title is not None:
            self._ink(_INK, 10.5, "B")
            self._write_text(table.title, self.epw, height=7, ends=True)
        self._table_head(table.columns, widths)
        for row in table.rows:
            self._ink(_INK, 9)
            cells = [self._wrapped(cell, width - 2 * _PAD) for cell, width in zip(row, widths, strict=True)]
            height = _ROW + (max(len(lines) for lines in cells) - 1) * _LINE
            if not self._has_room(height):
                self.add_page()
                self._table_head(table.columns, widths)
                self._ink(_INK, 9)
            self._row(cells, table.columns, widths, height)
        self.set_y(self.y + 4)

    def sums(self) -> None:
        """How to pay to the left, the totals to the right: together on one page."""
        letter = self._letter
        paying = (9 + 5 if letter.link is not None else 0) + (6 + 5 * len(letter.payment) if letter.payment else 0)
        self._keep_room(max(paying, 7 * len(letter.totals)))
        top = self.y
        self._totals()
        below = self.y
        self.set_y(top)
        self._paying()
        self.set_y(max(below, self.y) + 5)

    def notes(self) -> None:
        """The notes below the totals."""
        for note in self._letter.notes:
            self._ink(_INK, 9)
            lines = self._wrapped(note, self.epw)
            self._keep_room(len(lines) * _LINE)
            for line in lines:
                self._write_text(line, self.epw, height=_LINE, ends=True)
            self.set_y(self.y + 2)

    def _totals(self) -> None:
        left = _MARGIN + _SUMS_FROM
        for total in self._letter.totals:
            height = 7.4 if total.is_strong else 6
            if total.is_strong:
                self.set_fill_color(*_HEAD)
                self.rect(left, self.y, self.w - _MARGIN - left, height, style="F")
            self._ink(_INK, 10 if total.is_strong else 9, "B" if total.is_strong else "")
            self.set_x(left + _PAD)
            self._write_text(total.label, 48, height=height)
            self._write_text(total.amount, self.w - _MARGIN - _PAD - self.x, height=height, align=Align.R, ends=True)

    def _paying(self) -> None:
        link, payment = self._letter.link, self._letter.payment
        if link is not None:
            label = fonts.text(link.label)
            self._ink((255, 255, 255), 9.5, "B")
            self.set_fill_color(*_ACCENT)
            self.set_y(self.y + 1)
            self.cell(self.get_string_width(label) + 12, 8, label, align=Align.C, fill=True, link=link.url,
                      new_x=XPos.LMARGIN, new_y=YPos.NEXT)  # fmt: skip
            self.set_y(self.y + 4)
        if payment:
            self._ink(_INK, 9.5, "B")
            self._write_text(
                "Bank transfer" if link is None else "Or by bank transfer", _SUMS_FROM, height=6, ends=True
            )
            for label, value in payment:
                self._fact(label, value, left=_MARGIN, label_width=32, width=_SUMS_FROM - 34)

    def _table_head(self, columns: Sequence[Column], widths: Sequence[float]) -> None:
        self._ink(_QUIET, 8, "B")
        self.set_fill_color(*_HEAD)
        self.rect(_MARGIN, self.y, self.epw, 7, style="F")
        for column, width in zip(columns, widths, strict=True):
            self.set_x(self.x + _PAD)
            self._write_text(column.label, width - 2 * _PAD, height=7, align=_side(column))
            self.set_x(self.x + _PAD)
        self.set_xy(_MARGIN, self.y + 7)

    def _row(
        self, cells: Sequence[Sequence[str]], columns: Sequence[Column], widths: Sequence[float], height: float
    ) -> None:
        top, left = self.y, float(_MARGIN)
        for lines, column, width in zip(cells, columns, widths, strict=True):
            for place, line in enumerate(lines):
                self.set_xy(left + _PAD, top + (_ROW - _LINE) / 2 + place * _LINE)
                self.cell(width - 2 * _PAD, _LINE, line, align=_side(column))
            left += width
        self.line(_MARGIN, top + height, self.w - _MARGIN, top + height)
        self.set_xy(_MARGIN, top + height)

    def _party(self, party: Party, width: float, *, size: float) -> None:
        left = self.x
        self._ink(_INK, size, "B")
        for line in self._wrapped(party.name, width):
            self.set_x(left)
            self._write_text(line, width, height=size * 0.45, ends=True)
        self._ink(_INK, 9)
        for part in party.lines:
            for line in self._wrapped(part, width):
                self.set_x(left)
                self._write_text(line, width, height=_LINE, ends=True)

    def _fact(self, label: str, value: str, *, left: float, label_width: float, width: float) -> None:
        self.set_x(left)
        self._ink(_QUIET, 9)
        self._write_text(label, label_width, height=5)
        self._ink(_INK, 9)
        for line in self._wrapped(value, width):
            self.set_x(left + label_width)
            self._write_text(line, width, height=5, ends=True)

    def _write_text(
        self, line: str, width: float, *, height: float = _LINE, align: Align = Align.L, ends: bool = False
    ) -> None:
        place: dict[str, Any] = {"new_x": XPos.LMARGIN, "new_y": YPos.NEXT} if ends else {}
        self.cell(width, height, fonts.text(line), align=align, **place)

    def _wrapped(self, line: str, width: float) -> list[str]:
        text = fonts.text(line)
        if self.get_string_width(text) <= width:
            return [text]
        lines = self.multi_cell(width, _LINE, text, align=Align.L, dry_run=True, output="LINES")
        assert isinstance(lines, list)
        return lines

    def _ink(self, color: tuple[int, int, int], size: float, style: str = "") -> None:
        self.set_text_color(*color)
        self.set_font(fonts.FAMILY, style, size)

    def _has_room(self, height: float) -> bool:
        return bool(self.y + height <= self.h - _FOOT)

    def _keep_room(self, height: float) -> None:
        if not self._has_room(height):
            self.add_page()


def _widths(columns: Sequence[Column], whole: float) -> list[float]:
    shares = sum(column.share for column in columns)
    return [whole * column.share / shares for column in columns]


def _side(column: Column) -> Align:
    return Align.R if column.is_number else Align.L


def _colors() -> bytes:
    """The color profile sRGB, without the time at which it was made."""
    from PIL import ImageCms  # only what is kept for long names its colors

    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[24:36] = bytes((7, 208, 0, 1, 0, 1)) + bytes(6)
    return bytes(profile)
