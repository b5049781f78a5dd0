"""What the documentation claims in figures, as commands."""
