"""The shipped weights of the demo catalog, safetensors and JSON only."""
