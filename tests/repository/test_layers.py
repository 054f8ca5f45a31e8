"""The floors of the house, read from the imports of every file; what imports cost; what the face exports."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mixlaw

ROOT = Path(mixlaw.__file__).parent
FLOORS = (
    ("errors", "typing", "version"),
    ("io", "mixtures", "laws"),
    ("project", "runs"),
    ("estimation", "importers", "exporters", "transport"),
    ("fitting", "projector"),
    ("optimization", "validation"),
    ("planning",),
    ("designs", "auditing", "appraisal", "figures"),
    ("changes", "reports"),
    ("cli",),
)
"""A package imports only packages of lower floors; `mixlaw/__init__` and `__main__` stand above them all."""
FLOOR = {name: number for number, names in enumerate(FLOORS, 1) for name in names}
OWNERS = {
    "jax": {"laws", "estimation", "fitting", "optimization", "designs", "transport", "reports"},
    "matplotlib": {"figures", "reports"},
    "typer": {"cli"},
    "rich": {"cli"},
    "proxies": {"cli"},
    "ot": {"transport"},
    "sklearn": {"laws"},
    "jinja2": {"reports"},
    "optax": set(),
}
"""Which packages may import what, also inside functions."""
FILES = [4, 12]
"""How many files a package may hold, besides `__init__`."""
REGISTRIES = {"mixlaw.exporters.trainers", "mixlaw.cli.verbs", "mixlaw.laws.joint"}
"""Packages that list one thing of a kind a file: these may be larger."""


def files_of(root: Path, package: str) -> dict[str, Path]:
    """Every module of a package by its dotted name; templates are data."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        if "templates" not in path.parts:
            parts = (package, *path.relative_to(root).with_suffix("").parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = files_of(ROOT, "mixlaw") | files_of(ROOT.parent / "proxies", "proxies")


def imports(text: str, modules: dict[str, Path]) -> Iterator[tuple[str, str, int]]:
    """(module, name, line) of every import, those inside functions and for type checkers too; name is "" for a whole
    module."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "", node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports are absolute"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield (full, "", node.lineno) if full in modules else (node.module or "", alias.name, node.lineno)


def upward(module: str, text: str, modules: dict[str, Path]) -> list[str]:
    """The imports of a module's text that do not go to a lower floor."""
    own = module.split(".")[1] if "." in module else ""
    found = []
    for name, _, line in imports(text, modules):
        parts = name.split(".")
        if parts[0] != "mixlaw" or not own:
            continue
        other = parts[1] if len(parts) > 1 else ""
        lower = other == own or (FLOOR.get(other, 99) < FLOOR.get(own, 99))
        if not lower:
            found.append(f"{module}:{line} imports {name}, which is not on a lower floor")
    return found


def private(module: str, text: str, modules: dict[str, Path]) -> list[str]:
    """Names with an underscore that a module takes from another file of ours."""
    return [
        f"{module}:{line} imports {name}.{what}, which is private to its file"
        for name, what, line in imports(text, modules)
        if name in modules and what.startswith("_") and not what.startswith("__")
    ]


def circles(edges: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, directly or through others (Tarjan's strong components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in edges[node]:
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in edges:
        if node not in index:
            visit(node)
    return found


def edges_of(modules: dict[str, Path]) -> dict[str, set[str]]:
    return {
        module: {name for name, _, _ in imports(path.read_text(encoding="utf-8"), modules) if name in modules}
        - {module}
        for module, path in modules.items()
    }


def test_every_package_has_its_floor():
    assert {name.split(".")[1] for name in MODULES if name.startswith("mixlaw.")} - {"__main__"} == set(FLOOR)
    assert len(FLOORS) <= 10


@pytest.mark.parametrize("module", [name for name in MODULES if name not in ("mixlaw", "mixlaw.__main__")])
def test_imports_go_to_lower_floors_and_take_nothing_private(module):
    text = MODULES[module].read_text(encoding="utf-8")
    assert upward(module, text, MODULES) == []
    assert private(module, text, MODULES) == []


def test_no_modules_form_a_circle():
    assert circles(edges_of(MODULES)) == []


def test_only_the_command_line_imports_the_proxies():
    edges = edges_of(MODULES)
    found = {module for module, others in edges.items() for other in others if other.startswith("proxies")}
    assert {module for module in found if module.startswith("mixlaw")} <= {m for m in MODULES if ".cli." in m}
    above = {name for module in MODULES if module.startswith("proxies") for name in edges[module]}
    assert {name.split(".")[1] for name in above if name.startswith("mixlaw.")} <= {
        package for package, floor in FLOOR.items() if floor <= FLOOR["designs"]
    }


def test_planted_violations_are_found():
    """A rule that found nothing in wrong code would pass whatever the code does."""
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from mixlaw.planning.plan import Plan\n"
    assert upward("mixlaw.estimation.metrics", text, MODULES)
    assert upward("mixlaw.estimation.metrics", "def f():\n    from mixlaw import fit\n", MODULES)
    assert upward("mixlaw.validation.held_out", "from mixlaw.optimization.problem import MixtureProblem", MODULES)
    assert not upward("mixlaw.planning.plan", "from mixlaw.fitting.fit_result import Fit", MODULES)
    assert private("mixlaw.cli.app", "from mixlaw.cli.tables import _bar", MODULES)
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]
    assert circles({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def packages() -> list[str]:
    return [name for name, path in MODULES.items() if path.name == "__init__.py" and name not in ("mixlaw", "proxies")]


@pytest.mark.parametrize("package", packages())
def test_a_package_holds_4_to_12_files_and_names_them(package):
    inside = [name.rpartition(".")[2] for name in MODULES if name.rpartition(".")[0] == package]
    assert len(inside) <= FILES[1] or package in REGISTRIES
    if package.count(".") == 1:
        assert len(inside) >= FILES[0]
    table = ast.get_docstring(ast.parse(MODULES[package].read_text(encoding="utf-8"))) or ""
    missing = [name for name in inside if name not in table]
    assert package in REGISTRIES or not missing, f"{package}/__init__.py does not say what {missing} are"


@pytest.mark.parametrize("module", MODULES)
def test_libraries_stay_behind_their_borders(module):
    if module.startswith("proxies"):
        return
    for name, _, line in imports(MODULES[module].read_text(encoding="utf-8"), MODULES):
        owners = OWNERS.get(name.split(".")[0])
        assert owners is None or module.split(".")[1] in owners, f"{module}:{line} imports {name}"


def test_the_borders_are_not_empty():
    """Were files or imports not found, the tests above would pass whatever the code does."""
    found = {(module, other) for module, others in edges_of(MODULES).items() for other in others}
    assert ("mixlaw.planning.plan", "mixlaw.fitting.fit_result") in found
    assert any(one.startswith("mixlaw.cli") and other.startswith("proxies") for one, other in found)


def fresh(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def test_importing_the_package_is_quick():
    code = "import time; start = time.process_time(); import mixlaw; print(time.process_time() - start)"
    seconds = min(float(fresh(code)) for _ in range(3))
    assert seconds < 0.5


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("mixlaw", "jax matplotlib pandas scipy typer"),
        ("mixlaw.cli", "jax matplotlib pandas scipy"),
        ("mixlaw.laws", "jax matplotlib pandas scipy"),
    ],
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
    with pytest.raises(AttributeError, match="ratio"):
        _ = mixlaw.ratio


def test_no_module_or_package_hides_a_public_verb():
    for name in mixlaw.__all__:
        assert not (ROOT / name).exists()
        assert not (ROOT / f"{name}.py").exists()
