"""The ready configs, as TOML files."""
