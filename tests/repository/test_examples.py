"""The `>>>` examples of docstrings: all run, and every public function and class has one."""

import doctest
import importlib
import inspect
from pathlib import Path

import pytest

import mixlaw

ROOT = Path(mixlaw.__file__).parent.parent
DOCUMENTED = (
    "mixlaw",
    *(f"mixlaw.{name}" for name in ("appraisal", "changes", "exporters", "figures", "importers", "laws")),
    *(f"mixlaw.{name}" for name in ("projector", "reports", "transport")),
)
"""Packages whose `__all__` is public: the face, and those that the page `python.md` documents."""
MISSING: frozenset[str] = frozenset()
"""Public names without an example. This list may only shrink."""
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def with_examples(root: Path) -> list[str]:
    """Dotted names of the modules of `mixlaw` and `proxies` whose text holds an example; templates are data."""
    found = []
    for path in sorted([*root.glob("mixlaw/**/*.py"), *root.glob("proxies/**/*.py")]):
        if "templates" not in path.parts and ">>> " in path.read_text(encoding="utf-8"):
            parts = path.relative_to(root).with_suffix("").parts
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


def without_example() -> set[str]:
    """Public functions and classes without an example, each by the first package of `DOCUMENTED` that lists it."""
    found, seen = set(), set()
    for package in DOCUMENTED:
        face = importlib.import_module(package)
        for name in face.__all__:
            thing = getattr(face, name)
            if not (inspect.isclass(thing) or callable(thing)) or id(thing) in seen:
                continue
            seen.add(id(thing))
            if ">>> " not in (vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__ or ""):
                found.add(f"{package}.{name}")
    return found


@pytest.mark.parametrize("name", with_examples(ROOT))
def test_examples_of_a_module_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    tests = doctest.DocTestFinder().find(module)
    runner, report = doctest.DocTestRunner(optionflags=FLAGS), []
    for test in tests:
        runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)
    text = inspect.getsource(module)
    written = sum(line.lstrip().startswith((">>> ", '""">>> ')) for line in text.splitlines())
    assert sum(len(test.examples) for test in tests) == written, "an example stands where doctest does not look"


def test_every_public_name_has_an_example() -> None:
    missing = without_example()
    assert not missing - MISSING, f"write an example (`>>>`) in the docstring of {sorted(missing - MISSING)}"
    assert not MISSING - missing, f"remove from MISSING, they have an example: {sorted(MISSING - missing)}"


def test_a_wrong_example_is_found() -> None:
    """The runner as it is used above fails on an example that prints something else."""
    test = doctest.DocTestParser().get_doctest(">>> 1 + 1\n3\n", {}, "planted", None, None)
    assert doctest.DocTestRunner(optionflags=FLAGS).run(test, out=lambda _: None).failed == 1
