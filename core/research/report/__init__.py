"""The report: the content of a workspace on one self-contained HTML page."""
