"""Pictures as character cells and as pixels."""
