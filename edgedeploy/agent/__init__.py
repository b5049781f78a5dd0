"""F1: the program on the board. Standard library and core only; knows nothing of the laptop."""
