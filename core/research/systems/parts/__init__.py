"""What several systems are made of: heads, losses, a memory of values, localisation."""
