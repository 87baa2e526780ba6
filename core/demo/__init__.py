"""The demo catalogue: garments drawn with Pillow."""
