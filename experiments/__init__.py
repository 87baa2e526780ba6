"""The experiments of the paper, one TOML file each; ``core.experiments`` runs them."""
