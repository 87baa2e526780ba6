"""The library: ``datrnet.open`` and what it returns. Every command is a thin call of it."""
