"""F1: the Protocols that the laptop's use cases need. Their docstrings are contracts, run by tests/contract."""
