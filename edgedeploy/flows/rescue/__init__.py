"""What `edgedeploy recover` knows: what to ask a board in trouble, what the answers mean, and what to type then."""
