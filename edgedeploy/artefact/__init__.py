"""F2: says what a kernel artefact is and why it does not fit a board."""
