"""Search engines, which name the items that may be nearest to a query. NumPy and Annoy."""
