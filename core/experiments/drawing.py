"""What a sheet of pictures is drawn with: letters that fit, and pictures in frames."""

from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from datrnet.core.errors import ConfigError
from datrnet.core.experiments.charts import EXTRA_MEND
from datrnet.core.experiments.split_items import fitted
from datrnet.core.text import sanitize

INK = "#1A1A1A"
FAINT = "#666666"
GREEN = "#008A52"
AMBER = "#E08A00"
AMBER_INK = "#9A5B00"
"""The same for letters, which need more contrast."""

LINE = 1.3
"""Distance of two lines, in sizes of their letters."""


@cache
def letters(size: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return letters of a size in pixels: those of matplotlib, which have arrows and accents.

    Raises:
        ConfigError: matplotlib is not installed.
    """
    try:
        from matplotlib import get_data_path
    except ImportError as error:
        raise ConfigError("Sheets need matplotlib's letters.", mend=EXTRA_MEND) from error
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / name), size)


def text_width(text: str, size: int) -> int:
    """Return how many pixels a line of text takes."""
    return round(letters(size).getlength(text))


def wrapped(text: str, font: ImageFont.FreeTypeFont, width: int, num_lines: int) -> list[str]:
    """Return text broken into lines of at most ``width`` pixels; what is too much ends in "…"."""
    words, lines = sanitize(text).split(), [""]
    while words:
        longer = f"{lines[-1]} {words[0]}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
        elif len(lines) == num_lines or not lines[-1]:
            lines[-1] = _shortened(longer, font, width)
            if len(lines) == num_lines:
                break
        else:
            lines.append("")
            continue
        del words[0]
    return lines


def _shortened(text: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


class Sheet:
    """A white page that pictures and words are put on."""

    def __init__(self, width: int, height: int) -> None:
        """Begin an empty page of that many pixels."""
        self.picture = Image.new("RGB", (width, height), "white")
        self._draw = ImageDraw.Draw(self.picture)

    def put(
        self, picture: Image.Image | None, left: int, top: int, side: int, frame: str | None = None
    ) -> None:
        """Draw a picture within a square, with a frame around it where it has a colour."""
        self.picture.paste(fitted(picture, side), (left, top))
        if frame is not None:
            box = (left - 5, top - 5, left + side + 4, top + side + 4)
            self._draw.rectangle(box, outline=frame, width=4)

    def write(
        self,
        text: str,
        left: int,
        top: int,
        width: int,
        *,
        size: int = 13,
        bold: bool = False,
        colour: str = INK,
        num_lines: int = 1,
    ) -> int:
        """Write text in lines of at most ``width`` pixels; return where the next line begins."""
        font = letters(size, bold=bold)
        for line in wrapped(text, font, width, num_lines):
            self._draw.text((left, top), line, fill=colour, font=font)
            top += round(LINE * size)
        return top

    def rule(self, top: int) -> None:
        """Draw a thin line across the page."""
        self._draw.line((0, top, self.picture.width, top), fill="#DDDDDD")
