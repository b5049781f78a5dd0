"""edgedeploy puts a service on a Xen ARM board. This module holds the version and imports nothing: it ships to the board."""

__version__ = "0.1.0"
