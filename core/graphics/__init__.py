"""Pictures as a terminal shows them, and what the terminal can do."""
