"""Data sets in the formats they are released in."""
