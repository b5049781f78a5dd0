"""F2: what a kind of board is: loads and validates boards/*.toml."""
