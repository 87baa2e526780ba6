"""What the terminal can do, and pictures in the pixel protocols that some have."""
