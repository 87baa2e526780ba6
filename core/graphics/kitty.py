"""Pictures by kitty's graphics protocol, with Unicode placeholders.

A picture is sent once, under a number. The cells that show it hold a placeholder: a character with
diacritics for row and column, in the color whose value is the picture's number. So the picture
moves, is covered and disappears like text.
"""

import base64
import io

from PIL import Image

PLACEHOLDER = "\U0010eeee"
HIGHEST_NUMBER = (1 << 24) - 1
"""The highest number of a picture: a color has no more bits."""

_CHUNK = 4096
"""Characters of data that one command may carry."""

DIACRITICS = (
    "\u0305\u030d\u030e\u0310\u0312\u033d\u033e\u033f\u0346\u034a\u034b\u034c\u0350\u0351\u0352"
    "\u0357\u035b\u0363\u0364\u0365\u0366\u0367\u0368\u0369\u036a\u036b\u036c\u036d\u036e\u036f"
    "\u0483\u0484\u0485\u0486\u0487\u0592\u0593\u0594\u0595\u0597\u0598\u0599\u059c\u059d\u059e"
    "\u059f\u05a0\u05a1\u05a8\u05a9\u05ab\u05ac\u05af\u05c4\u0610\u0611\u0612\u0613\u0614\u0615"
    "\u0616\u0617\u0657\u0658"
)
"""The diacritics for the numbers of rows and columns, from 0."""


def placeholder(row: int, column: int) -> str:
    """Return the text of a cell that shows a part of a picture.

    Args:
        row: Row of the picture, below ``len(DIACRITICS)``.
        column: Column of the picture, below ``len(DIACRITICS)``.
    """
    return PLACEHOLDER + DIACRITICS[row] + DIACRITICS[column]


def payload(picture: Image.Image) -> str:
    """Return an RGB picture as the data of its transmission."""
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return base64.standard_b64encode(file.getvalue()).decode("ascii")


def transmission(data: str, number: int, rows: int, columns: int) -> str:
    """Return the commands that send a picture, to be shown by its placeholders.

    Args:
        data: The result of ``payload``.
        number: The number of the picture, 1 to ``HIGHEST_NUMBER``.
        rows: Height in cells.
        columns: Width in cells.
    """
    chunks = [data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK)]
    # q=2: no responses, which would arrive as keys
    keys = f"a=T,U=1,f=100,t=d,q=2,i={number},r={rows},c={columns},"
    return "".join(
        f"\x1b_G{keys if index == 0 else ''}m={int(index + 1 < len(chunks))};{chunk}\x1b\\"
        for index, chunk in enumerate(chunks)
    )


def removal(number: int) -> str:
    """Return the command that deletes a picture."""
    return f"\x1b_Ga=d,d=I,q=2,i={number}\x1b\\"
