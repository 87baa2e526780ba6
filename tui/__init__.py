"""The explorer: a Textual front end over the library."""
