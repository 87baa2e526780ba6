"""The tables and figures of the paper as experiments; ``configs/`` has a file for each."""
