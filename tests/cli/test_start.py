"""What `mixlaw --help` costs and loads, and that its list of verbs agrees with the verbs."""

import inspect
import os
import resource
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import typer

import mixlaw.cli
from mixlaw.cli.verb_list import VERBS

HEAVY = {"jax", "jaxlib", "matplotlib", "numpy", "optax", "ot", "pandas", "proxies", "scipy", "yaml"}
HELP = """import sys
sys.argv = ['mixlaw', *{}, '--help']
try:
    from mixlaw.cli import main; main()
except SystemExit: pass
"""
LOADED = "print('LOADED', *{name.split('.')[0] for name in sys.modules})"
WITHOUT_COVERAGE = {name: value for name, value in os.environ.items() if not name.startswith("COV")}


def fresh(code: str, **more: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=WITHOUT_COVERAGE | more).stdout


def cpu_seconds(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    fresh(code)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_costs_little_more_than_the_libraries_that_print_it() -> None:
    """CPU time, the lowest of three each, in turn: a machine at work slows both."""
    help, bare = (HELP.format([]), "import typer, typer.rich_utils")
    times = [(cpu_seconds(help), cpu_seconds(bare)) for _ in range(3)]
    ours, theirs = (min(column) for column in zip(*times, strict=True))
    assert ours < 1.35 * theirs, f"--help takes {ours:.2f} s of CPU, importing Typer and Rich {theirs:.2f} s"


def test_help_loads_no_verb_and_no_numerical_library() -> None:
    printed, loaded = fresh(HELP.format([]) + "print('mixlaw.cli.verbs' in sys.modules)\n" + LOADED).split("LOADED")
    assert printed.splitlines()[-1] == "False"
    assert "score-plan" in printed
    assert not HEAVY & set(loaded.split())


@pytest.mark.parametrize("names", [list(VERBS)])
def test_the_help_of_no_verb_loads_a_numerical_library(names: list[str]) -> None:
    code = HELP.format("[name]").replace("\n", "\n    ")
    printed, loaded = fresh(f"for name in {names}:\n    {code}\nimport sys\n{LOADED}").split("LOADED")
    assert printed.count("Usage: ") == len(names)
    assert not HEAVY & set(loaded.split())


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_is_listed_as_its_docstring_says(name: str) -> None:
    verb = VERBS[name]
    loaded = getattr(import_module(f"mixlaw.cli.verbs.{verb.module}"), verb.function)
    text = str(loaded.info.help) if isinstance(loaded, typer.Typer) else inspect.getdoc(loaded) or ""
    assert " ".join(text.split("\n\n")[0].split()) == verb.summary
    assert verb.load(name).epilog == (verb.example and f"Example: {verb.example}")


def test_every_file_of_the_verbs_is_listed() -> None:
    files = {file.stem for file in (Path(mixlaw.cli.__file__).parent / "verbs").glob("*.py")} - {"__init__"}
    assert {verb.module for verb in VERBS.values()} == files


@pytest.mark.parametrize(
    ("words", "completed"),
    [("mixlaw re", {"recommend", "reuse", "report"}), ("mixlaw tokenizer ", {"train"}), ("mixlaw fit --la", {"--law"})],
)
def test_tab_completes_verbs_and_their_options(words: str, completed: set[str]) -> None:
    env = {"_MIXLAW_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    assert (
        set(fresh("import sys; sys.argv = ['mixlaw']; from mixlaw.cli import main; main()", **env).split()) == completed
    )


def test_the_script_for_tab_completion_is_printed_and_help_does_not_list_it() -> None:
    script = fresh(
        "import sys; sys.argv = ['mixlaw', '--show-completion', 'bash']; from mixlaw.cli import main; main()"
    )
    assert "complete_bash" in script
    assert "completion" not in fresh(HELP.format([]))
