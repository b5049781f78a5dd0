"""F6: the command line. Parses, wires things together, maps errors to exit codes; no logic."""
