"""From a catalog in any file format to a table of text."""
