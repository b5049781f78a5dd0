"""`python -m edgedeploy` is `edgedeploy`."""

from edgedeploy.cli.main import main

if __name__ == "__main__":
    main()
