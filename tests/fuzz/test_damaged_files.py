"""Damaged plans, fits, tables and projects through the verbs: an answer, or one line and exit code 2."""

import json
import random
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from factories.mutations import as_json, damaged, mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixlaw.errors import CONTROL, MixlawError
from mixlaw.exporters import ExportOptions, export
from mixlaw.fitting.fit_result import read_fit
from mixlaw.planning.plan import read_plan
from mixlaw.project.project_file import read_project
from mixlaw.runs.run_table import read_runs

OLD = Path(__file__).parents[1] / "auditing" / "old"
SEEDS = st.integers(0, 1 << 30).map(random.Random)
BOUNDED = settings(
    derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)


@pytest.fixture
def folder(tmp_path):
    for name in ("runs.csv", "fit.json"):
        shutil.copy(OLD / name, tmp_path / name)
    shutil.copy(OLD / "plan-mean.json", tmp_path / "plan.json")
    sources = "".join(f"  {name}: {{tokens: 1.0e10}}\n" for name in ("web", "code", "math"))
    (tmp_path / "mixlaw.yaml").write_text(f"sources:\n{sources}budget: {{params: 1e9, tokens: 2e10}}\n")
    (tmp_path / "weights.json").write_text('{"web": 0.5, "code": 0.3, "math": 0.2}')
    return tmp_path


def check(code: int, out: str, err: str) -> None:
    assert code in (0, 2)
    assert code == 0 or "error: " in err
    assert not CONTROL.search(out + err)


@settings(BOUNDED, max_examples=12)
@given(SEEDS)
def test_damaged_plans(run, folder, rng):
    plan = folder / "plan.json"
    plan.write_text(as_json(mutated(json.loads((OLD / "plan-mean.json").read_text()), rng, rng.randint(1, 2))[0]))
    verbs = (
        ["export", plan, "--to", rng.choice(("megatron", "olmo-core", "levanter"))],
        ["audit", folder / "weights.json", "--plan", plan],
        ["score-plan", plan, folder / "runs.csv"],
        ["stale", plan, folder / "mixlaw.yaml"],
        ["report", folder, "--no-held-out", "--out", folder / "report.html"],
    )
    check(*run(*rng.choice(verbs)))


@settings(BOUNDED, max_examples=8)
@given(SEEDS)
def test_damaged_fits(run, folder, rng):
    fit = folder / "fit.json"
    fit.write_text(as_json(mutated(json.loads((OLD / "fit.json").read_text()), rng, rng.randint(1, 2))[0]))
    verbs = (
        ["predict", fit, folder / "runs.csv", "--out", folder / "predicted.csv"],
        ["audit", folder / "weights.json", "--project", folder / "mixlaw.yaml", "--fit", fit],
        ["score-plan", folder / "plan.json", folder / "runs.csv", "--fit", fit],
    )
    check(*run(*rng.choice(verbs)))


@settings(BOUNDED, max_examples=100)
@given(SEEDS)
def test_damaged_bytes(folder, rng):
    """Readers alone, which is where most damage must end."""
    name, read = rng.choice(
        (("runs.csv", read_runs), ("plan.json", read_plan), ("fit.json", read_fit), ("mixlaw.yaml", read_project))
    )
    path = folder / f"damaged-{name}"
    path.write_bytes(damaged((folder / name).read_bytes()[:20_000], rng))
    with suppress(MixlawError):
        read(path)


@pytest.mark.parametrize("trainer", ["datasets", "datatrove"])
def test_text_of_a_plan_is_no_code(folder, trainer):
    """The first two lines of a Python file can name an encoding, which turns an escape into a line of code."""
    content = json.loads((OLD / "plan-mean.json").read_text())
    content["provenance"]["tokenizer"] = "gpt2 coding:raw_unicode_escape \\u000aopen('PWNED','w')#"
    for source in content["provenance"]["sources"].values():
        source["documents"], source["tokens"], source["max_epochs"] = 1e9, 1e13, None
    (folder / "plan.json").write_text(as_json(content))
    text = export(read_plan(folder / "plan.json"), trainer, None, ExportOptions(samples="packed")).text
    assert text.splitlines()[0] == "# -*- coding: utf-8 -*-"
    code = compile(text.encode(), "mix.py", "exec")
    assert "open" not in code.co_names
