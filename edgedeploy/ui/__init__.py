"""F5: shows progress and results to a person or a program."""
