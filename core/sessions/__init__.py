"""Sessions of the explorer: their steps, replayed and exported."""
