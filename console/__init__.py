"""What the command line prints: tables, pictures in characters, progress."""
