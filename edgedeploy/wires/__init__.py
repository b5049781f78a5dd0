"""F2: ways to open a byte stream to a command on a board. SSH is the only user of paramiko."""
