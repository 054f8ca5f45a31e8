"""The command line: the app, what verbs share, and one file a verb in `verbs`."""

from mixlaw.cli.app import main

__all__ = ["main"]
