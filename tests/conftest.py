"""What holds for all tests."""

import os
import sys

# Tiny networks gain nothing from threads, and threads that wait for each other on a busy machine
# are slower by far. Must be said before torch is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# textual-image asks the terminal for its abilities when it is imported.
sys.__stdin__ = None  # type: ignore[assignment]
