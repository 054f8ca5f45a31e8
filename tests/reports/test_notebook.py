"""Notebooks: cells from text, their execution, and `mixlaw report --notebook` on folders with all and with little."""

import json
import shutil
import sys

import pytest
from factories.report_cases import board_of, fit_of, names, plan_of, runs_of

from mixlaw.errors import MixlawError
from mixlaw.planning.plan import Plan
from mixlaw.reports.notebook import NotebookSkippedError, cells, execute, save

TEXT = '''"""Left out."""

# %% [markdown]
# # A title
#
# and a line

# %%
SIZE = 3  # of the figure
WORD = None

# %%
from matplotlib.figure import Figure

from mixlaw.figures import show

ax = Figure(figsize=(SIZE, 2)).subplots()
ax.plot([0, 1])
ax.set(xlabel="tokens", ylabel="loss")
show(ax)

# %%
print(WORD)
'''


def test_cells_are_text_and_code_without_what_stands_before_them():
    made = cells(TEXT)
    assert [cell["cell_type"] for cell in made["cells"]] == ["markdown", "code", "code", "code"]
    assert made["cells"][0]["source"] == "# A title\n\nand a line"
    assert "Left out" not in str(made)
    assert [cell["id"] for cell in made["cells"]] == ["cell-01", "cell-02", "cell-03", "cell-04"]


def test_constants_of_the_first_cell_are_filled_in_and_no_others():
    made = cells(TEXT, SIZE=4, WORD="a 'b' \\ c")
    assert made["cells"][1]["source"] == "SIZE = 4  # of the figure\nWORD = \"a 'b' \\\\ c\""
    with pytest.raises(MixlawError, match="sets no ELSE"):
        cells(TEXT, ELSE=1)


def test_a_notebook_is_the_same_each_time_and_holds_neither_times_nor_names_of_the_machine(tmp_path):
    for name in ("one", "two"):
        save(execute(cells(TEXT, WORD="hello"), tmp_path), tmp_path / f"{name}.ipynb")
    one = (tmp_path / "one.ipynb").read_text(encoding="utf-8")
    assert one == (tmp_path / "two.ipynb").read_text(encoding="utf-8")
    assert str(tmp_path) not in one
    read = json.loads(one)
    drawn, said = read["cells"][2]["outputs"], read["cells"][3]["outputs"]
    assert set(drawn[0]["data"]) == {"image/png", "text/plain"}
    assert drawn[0]["data"]["text/plain"] == ["figure: loss over tokens"]
    assert said == [{"name": "stdout", "output_type": "stream", "text": ["hello\n"]}]
    assert all(cell["metadata"] == {} for cell in read["cells"])
    assert set(read["metadata"]) == {"kernelspec", "language_info"}


def test_a_cell_that_fails_is_named_and_one_that_ends_the_notebook_tells_why(tmp_path):
    with pytest.raises(MixlawError, match="cell 2 failed: ZeroDivisionError: division by zero"):
        execute(cells("# %%\n1\n# %%\n1 / 0\n# %%\n2"), tmp_path)
    with pytest.raises(NotebookSkippedError, match=r"^there are no runs$"):
        execute(cells("# %%\nraise SystemExit('there are no runs')\n# %%\n1 / 0"), tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A plan of four sources with its fit and a leaderboard, not its runs: nothing is refitted."""
    out = tmp_path_factory.mktemp("planned")
    fit = fit_of(names("source", 4), names("target", 2), 20)
    Plan.from_dict(plan_of(fit)).save(out / "plan.json")
    fit.save(out / "fit.json")
    runs_of(fit, 12).frame.to_csv(out / "runs.csv", index=False)
    (out / "leaderboard.json").write_text(json.dumps(board_of(fit)))
    return out


def test_the_verb_writes_an_executed_notebook_that_names_the_folder_from_its_own(folder, tmp_path, run):
    (tmp_path / "notes").mkdir()
    shutil.copytree(folder, tmp_path / "plan")
    out = tmp_path / "notes" / "mine.ipynb"
    code, _, said = run("report", tmp_path / "plan", "--notebook", "--out", out, "--no-held-out")
    assert code == 0, said
    read = json.loads(out.read_text(encoding="utf-8"))
    sources = ["".join(cell["source"]) for cell in read["cells"]]
    assert 'FOLDER = "../plan"' in sources[1].replace("'", '"')
    assert "HELD_OUT = False" in sources[1]
    outputs = [output for cell in read["cells"] for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output.get("name") == "stderr" or output["output_type"] == "error"]
    plain = "".join(str(output) for output in outputs)
    plan = json.loads((folder / "plan.json").read_text())
    assert f"verdict: {plan['verdict']}" in plain
    assert all(name in plain for name in plan["mixture"])
    assert "the law was not refitted" in plain
    assert "mean of the runs" in plain, "the leaderboard's baseline"
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 3
    assert str(tmp_path) not in out.read_text(encoding="utf-8")


def test_a_plan_without_fit_or_path_gives_a_notebook_that_says_so(folder, tmp_path, run):
    plan = json.loads((folder / "plan.json").read_text()) | {"path": None, "near_optimal": None, "worth": None}
    (tmp_path / "plan.json").write_text(json.dumps(plan))
    code, _, said = run("report", tmp_path, "--notebook")
    assert code == 0, said
    text = (tmp_path / "report.ipynb").read_text(encoding="utf-8")
    assert "No figure: this figure needs the plan's path" in text
    assert "fit.json" in text
    assert "No leaderboard in the folder" in text


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("nowhere", "--notebook", "--out", "report.ipynb"), "cannot be read as a plan"),
        (("nowhere", "--notebook"), "nowhere: is no folder"),
        (("nowhere",), "nowhere: is no folder"),
        ((".", "--notebook", "--out", "report.html"), "a notebook's file ends in .ipynb"),
    ],
)
def test_bad_input_ends_with_2_and_one_line(words, why, tmp_path, monkeypatch, run):
    monkeypatch.chdir(tmp_path)
    code, _, said = run("report", *words)
    assert code == 2
    assert why in said
    assert len([line for line in said.splitlines() if line.startswith("error: ")]) == 1


@pytest.mark.parametrize("absent", ["nbclient", "ipykernel"])
def test_without_its_packages_the_extra_is_named_before_any_work(absent, folder, tmp_path, monkeypatch, run):
    monkeypatch.setitem(sys.modules, absent, None)
    code, _, said = run("report", folder, "--notebook", "--out", tmp_path / "report.ipynb")
    assert code == 2
    assert said.strip() == f"error: notebooks need {absent}: pip install 'mixlaw[notebooks]'"


def test_help_shows_an_example(run):
    code, said, _ = run("report", "--help")
    assert code == 0
    assert "mixlaw report plan/ --notebook" in " ".join(said.split())
