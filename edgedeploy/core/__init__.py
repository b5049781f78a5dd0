"""F0: what the laptop and the board share. Standard library only; imports nothing above itself."""
