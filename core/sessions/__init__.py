"""Retrieval sessions: what a person asked in the explorer, answered again and handed on."""
