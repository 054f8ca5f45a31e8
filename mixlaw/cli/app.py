"""The command line: a verb parses, calls the library, and writes what it returns.

Exit codes: 0 done, 2 wrong input with one line that says how to fix it, 130 interrupted, 1 a defect of mixlaw.
"""

import sys
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.main import get_command

from mixlaw.cli.output import say, silence
from mixlaw.cli.verb_list import LazyGroup
from mixlaw.errors import MixlawError
from mixlaw.version import __version__

app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="In which proportions should a training run use its sources, and how sure are we?",
)


def main() -> None:
    """Run the command line; errors become one line on stderr and an exit code."""
    interrupted = "interrupted; finished runs are kept, the same command goes on from them"
    try:
        code = _command()(standalone_mode=False)
        if code == 130:  # how Typer answers Ctrl-C
            code = _complain(interrupted, 130)
        sys.stdout.flush()
    except MixlawError as error:
        code = _complain(str(error), 2)
    except typer.Exit as stop:
        code = stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = _complain(interrupted, 130)
    except (BrokenPipeError, SystemExit):
        # The reader of our output left (Typer then ends in SystemExit): nothing to tell anybody, nor to flush later.
        silence()
        code = 0
    except OSError as error:  # the file system's, such as a full disk under standard output
        with suppress(OSError, ValueError):
            silence()
        named = f"{error.filename}: " if error.filename else ""
        code = _complain(f"{named}{error.strerror or error}", 2)
    except Exception as error:
        if not hasattr(error, "format_message"):  # not a usage error of the command line's parser
            raise
        message = error.format_message()  # pyright: ignore
        code = _complain(f"{message} (see `mixlaw --help`)", 2) if message else 2
    sys.exit(code if isinstance(code, int) else 0)


def _command() -> Any:
    """The app's command; the two options of tab completion work, and `--help` does not list them."""
    command = get_command(app)
    for param in command.params:
        if param.name in ("install_completion", "show_completion"):
            param.hidden = True  # pyright: ignore[reportAttributeAccessIssue]
    return command


def _complain(message: str, code: int) -> int:
    say(f"error: {' '.join(message.split())}")
    return code


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="print the version")] = False) -> None:
    if version:
        print(__version__)
        raise typer.Exit
