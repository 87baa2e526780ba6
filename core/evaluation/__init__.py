"""The protocol: queries, metrics and the weights chosen on validation."""
