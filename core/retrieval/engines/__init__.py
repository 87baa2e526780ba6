"""Search engines, which find the items that may be nearest to a query."""
