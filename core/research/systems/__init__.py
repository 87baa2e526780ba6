"""The systems that the paper compares DAtRNet with, each on any backbone."""
