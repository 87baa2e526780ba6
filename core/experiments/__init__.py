"""The paper's tables and figures, repeated on a workspace; their report."""
