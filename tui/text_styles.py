"""Styles of quiet text in ``Content``.

``$text-muted`` and ``$text-disabled`` only work in style sheets: they are ``auto`` colors with an
alpha, and ``Content`` drops the alpha, which leaves pure white or black. The ``dim`` attribute
blends the color into its background in every theme; without colors, the terminal dims the text.
"""

MUTED = "dim"
"""Secondary information."""

DISABLED = "$foreground-muted dim"
"""What cannot be chosen, or leads nowhere."""
