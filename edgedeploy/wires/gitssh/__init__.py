"""Carries git to a remote with a key that is in no file: for CI, where there may be no ssh, no HOME and no passwd entry."""
