"""`python -m mixlaw`: the command line."""

from mixlaw.cli.app import main

if __name__ == "__main__":
    main()
