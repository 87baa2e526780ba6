"""The demo catalog: garments drawn with Pillow."""
