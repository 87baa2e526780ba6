"""Making an index generation: embedding pictures, prototypes, weights, Annoy."""
