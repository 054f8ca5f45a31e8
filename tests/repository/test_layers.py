"""The borders between modules, read from their imports; what `import mixlaw` costs; what it exports."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mixlaw

ROOT = Path(mixlaw.__file__).parent
ORDER = [
    *("errors", "_stages", "_json", "_yaml", "_checks", "simplex", "constraints", "budget", "sources"),
    *("yardstick", "_table", "_columns", "runs", "importers", "transport", "projector"),
    *("_weights", "export", "versus", "audit", "folds", "scores"),
    *("baselines", "laws", "objective", "lm", "goal"),
    *("observations", "reference_fit"),
    *("evidence", "fit_file", "fitted", "estimate", "diagnose", "band", "refits", "auto"),
    *("fit", "held_out", "leaderboard", "methods", "compare"),
    *("program", "conflicts", "mixture_set", "feasible", "design", "posterior", "d_optimal", "lookahead", "pool"),
    *("derivatives", "ties", "layout", "interior", "certificate", "optimize"),
    *("scale", "problem", "refusals", "sizes", "plan", "trained", "judged", "outcome", "changes"),
    *("verdict", "contents", "ask"),
    *("near_optimal", "worth", "compute", "robust", "bracket", "recommend", "appraisal"),
    *("ground", "run_sizes", "more_runs", "next_runs", "next_of_pool"),
    *("show", "show_appraisal", "figures", "report", "__init__", "cli", "__main__"),
]
"""The map of the package: a module imports only modules before it. A new module takes its place here."""
OWNERS = {
    "jax": {"laws", "objective", "lm", "estimate", "diagnose", "band", "refits", "fit", "fitted", "derivatives"}
    | {"transport", "posterior", "d_optimal", "report"},
    "matplotlib": {"figures", "report"},
    "typer": {"cli"},
    "rich": {"cli", "show", "show_appraisal"},
    "proxies": {"cli"},
    "ot": {"transport"},
    "sklearn": {"laws"},
    "jinja2": {"report"},
    "optax": set(),
}
"""Which modules may import what, also inside functions."""


def unit(path: Path) -> str:
    """The place of a file in the map: its module, its subpackage, or cli for all of the command line's files."""
    name = path.relative_to(ROOT).parts[0].removesuffix(".py")
    return "cli" if name == "cli" or name.startswith("cli_") else name


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, anywhere in it, with the line; not those for type checkers alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: imports are absolute"
            if node.module == "mixlaw":
                yield from ((f"mixlaw.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module or "", node.lineno


FILES = sorted(ROOT.rglob("*.py"))
INTERNAL = {unit(path) for path in FILES}


def test_every_module_has_a_place_in_the_map():
    assert set(ORDER) == INTERNAL, "give the module its place in ORDER, or remove it there"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_go_only_downwards(path):
    for name, line in imports(path):
        parts = name.split(".")
        if parts[0] == "mixlaw" and len(parts) > 1 and parts[1] in INTERNAL:
            above = ORDER.index(parts[1]) > ORDER.index(unit(path))
            assert not above, f"{path.name}:{line} imports {name}, which stands above it"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_libraries_stay_behind_their_borders(path):
    for name, line in imports(path):
        owners = OWNERS.get(name.split(".")[0])
        assert owners is None or unit(path) in owners, f"{path.name}:{line} imports {name}"


def test_the_borders_are_not_empty():
    """Were files or imports not found, the tests above would pass whatever the code does."""
    found = {(unit(path), name.split(".")[0]) for path in FILES for name, _ in imports(path)}
    for pair in (
        ("lm", "jax"),
        ("laws", "jax"),
        ("figures", "matplotlib"),
        ("transport", "ot"),
        ("cli", "typer"),
        ("cli", "proxies"),
    ):
        assert pair in found
    assert ("plan", "mixlaw") in found


def fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_importing_the_package_is_quick():
    code = "import time; start = time.process_time(); import mixlaw; print(time.process_time() - start)"
    seconds = min(float(fresh(code)) for _ in range(3))
    assert seconds < 0.5


@pytest.mark.parametrize(
    ("module", "absent"),
    [("mixlaw", "jax matplotlib pandas scipy typer"), ("mixlaw.cli.app", "jax matplotlib pandas scipy")],
)
def test_importing_does_not_load_what_it_does_not_need(module, absent):
    loaded = fresh(
        f"import sys; import {module}; print(' '.join({{name.split('.')[0] for name in sys.modules}}))"
    ).split()
    assert "mixlaw" in loaded
    assert not set(absent.split()) & set(loaded)


@pytest.mark.parametrize("name", mixlaw.__all__)
def test_every_public_name_is_there_and_explained(name):
    thing = getattr(mixlaw, name)
    assert inspect.isclass(thing) or inspect.isfunction(thing)
    assert thing.__module__.startswith("mixlaw.")
    assert not (thing.__doc__ or "").startswith(f"{name}("), "the docstring of a dataclass that has none"
    assert inspect.getdoc(thing)


def test_a_name_that_is_not_public_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'ratio'"):
        _ = mixlaw.ratio


def test_importing_a_submodule_does_not_hide_the_verb():
    assert (
        fresh("import mixlaw, mixlaw.fit, mixlaw.audit; print(callable(mixlaw.fit), callable(mixlaw.audit))")
        == "True True"
    )
