"""Embedding, prototypes, index generations and the search for substitutes."""
