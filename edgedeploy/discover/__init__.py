"""F2: finds boards on the local networks; the only user of zeroconf."""
