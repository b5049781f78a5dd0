"""F2: the deployment repository on the laptop; the only user of GitPython."""
