"""How shops' exports are laid out: a declarative file each, and what applies it."""
