"""F4: one use case a module. Objects in, a result dataclass out; no terminal, no argument parsing."""
