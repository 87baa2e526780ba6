"""The networks of the paper and the format of their checkpoints."""
