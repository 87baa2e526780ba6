"""The reproduction of the paper: its data sets, comparison systems and experiments."""
