"""What the app does besides drawing: sessions, updates, preferences, reviews."""
