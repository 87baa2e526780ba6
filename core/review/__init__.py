"""Care for the catalogue: labels that the model doubts, near-duplicates, gaps in the assortment."""
