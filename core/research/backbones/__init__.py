"""Networks that map images to features, with the parameter names of public ImageNet weights."""
