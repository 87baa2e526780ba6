"""The configuration file: its schema, reading and writing it, what it says of itself."""
