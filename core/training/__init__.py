"""Training one network per super-category."""
