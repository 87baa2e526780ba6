"""The shipped weights of the demo catalogue, safetensors and JSON only."""
