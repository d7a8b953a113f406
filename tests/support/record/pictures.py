"""Pictures of an invoice and a credit note for docs/, as their buyers get them: ``make pictures``
draws them anew; ``pdftoppm`` (of poppler) makes pictures of the PDFs.
"""

import subprocess
from pathlib import Path

from leadgen.documents.adapters import pdf
from leadgen.documents.domain import sales_letters
from leadgen.documents.domain.letter import Letter
from tests.support.money.sales_documents import an_issued_credit_note, an_issued_invoice

PICTURES = Path(__file__).parents[3] / "docs" / "pictures"
_DOTS_PER_INCH = "80"


def main() -> None:
    """Write the pictures."""
    PICTURES.mkdir(exist_ok=True)
    _picture("invoice", sales_letters.of_invoice(an_issued_invoice(), pay_url="https://pay.example.com/i/42"))
    _picture("credit-note", sales_letters.of_credit_note(an_issued_credit_note()))


def _picture(name: str, letter: Letter) -> None:
    command = ["pdftoppm", "-r", _DOTS_PER_INCH, "-png", "-singlefile", "-", str(PICTURES / name)]
    subprocess.run(command, input=pdf.draw(letter), check=True)


if __name__ == "__main__":
    main()
