"""Catalog review: label issues, near-duplicates, and requests that no item meets."""
