"""plan.json: files of earlier versions are read and written again without a change."""

import json
import pickle
from dataclasses import fields, replace
from pathlib import Path

import pytest
from factories.plans import made_plan

from mixlaw.io.json import no_nan
from mixlaw.io.notes import DOUBT, NOT_ASKED, NULL, Note, not_asked
from mixlaw.planning.plan import Plan, read_plan
from mixlaw.planning.plan_types import Baseline, Certificate, Check, NearOptimal, PathPoint

FOLDER = Path(__file__).parents[1] / "data" / "plans"
OF_DOCS = Path(__file__).parents[2] / "analysis" / "notebooks" / "plan" / "plan.json"
FILES = [*sorted(FOLDER.glob("*.json")), OF_DOCS]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_plan_of_an_earlier_version_is_written_again_byte_for_byte(path, tmp_path):
    read_plan(path).save(tmp_path / "plan.json")
    assert (tmp_path / "plan.json").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_keys_read_by_attribute_and_by_subscript(path):
    content, plan = json.loads(path.read_text(encoding="utf-8")), read_plan(path)
    assert set(plan) == set(content)
    for key in content:
        assert no_nan(plan[key]) == no_nan(getattr(plan, key)) == content[key]


def test_a_key_that_a_file_lacks_is_none_and_is_not_written():
    older = read_plan(FOLDER / "older.json")
    assert older.caps is older.path is older.tokens_by_source is None
    assert not {"caps", "path", "worth"} & set(older.to_dict())
    with pytest.raises(KeyError):
        older["caps"]
    assert older.origin == older["origin"] == {"tool": "before"}  # pyright: ignore
    assert older.law is not None
    assert older.law["version"] == 3
    assert list(older.with_values({"stale": ("web",)}).to_dict())[-1] == "stale"


def test_sections_are_typed():
    plan = read_plan(FOLDER / "recommended.json")
    assert isinstance(plan.certificate, Certificate)
    assert isinstance(plan.near_optimal, NearOptimal)
    assert isinstance(plan.check, Check)
    assert all(isinstance(point, PathPoint) for point in plan.path or ())
    assert all(isinstance(baseline, Baseline | None) for baseline in plan.baselines.values())
    assert plan.best_baseline is None
    assert (read_plan(FOLDER / "made.json").best_baseline or "")[0] == "proportional"
    with pytest.raises(AttributeError):
        plan.certificate.gap = 0.0  # pyright: ignore


def test_a_made_plan_writes_every_key_but_those_that_only_some_plans_have():
    keys = list(Plan({"web": 1.0}).to_dict())
    assert keys == [field.name for field in fields(Plan) if not field.metadata]
    recommended = list(json.loads((FOLDER / "recommended.json").read_text(encoding="utf-8")))
    assert keys == [key for key in recommended if key != "check"]


def test_a_value_of_another_shape_is_kept():
    content = {"mixture": {"web": 1.0}, "verdict": "tie", "caps": ["none"], "law": "log-linear", "notes": None}
    assert Plan.from_dict(content).to_dict() == content


def test_notes_have_codes_and_keys_and_are_written_as_texts():
    plan = read_plan(FOLDER / "without-project.json")
    assert all(isinstance(note, Note) for note in plan.notes)
    found = {(note.code, key) for note in plan.notes for key in note.keys}
    assert {(NOT_ASKED, "robust"), (NOT_ASKED, "bracket"), (NULL, "epochs"), (NULL, "caps")} <= found
    assert {note.code for note in plan.remarks} == {note.code for note in plan.notes} - {NOT_ASKED}
    assert plan.why("epochs") == "epochs and caps are null: without a project the sources' sizes are not known"
    nearest = read_plan(FOLDER / "nearest.json")
    assert (
        nearest.why("predicted") == "law, predicted, distance and all that is said in nats are null: there are no runs"
    )
    assert [note.reason for note in nearest.notes if note.code == DOUBT] == [
        "there are no runs, so no mixture's loss is known"
    ]


def test_a_note_is_null_only_if_its_key_is():
    plan = made_plan(["web", "code"], notes=["path is null: no scale", "bracket is null: it needs runs"], bracket=None)
    assert [(note.code, note.keys) for note in plan.notes] == [("", ()), (NULL, ("bracket",))]
    again = pickle.loads(pickle.dumps(not_asked("robust")))
    assert (again, again.code, again.keys) == (not_asked("robust"), NOT_ASKED, ("robust",))


def test_sections_compare_and_merge_as_the_mappings_that_they_write():
    plan = made_plan(["web", "code"])
    assert plan.certificate == {"gap": 1e-12}
    assert plan.certificate is not None
    assert plan.certificate | {"kind": "dual"} == {"gap": 1e-12, "kind": "dual"}
    assert plan == made_plan(["web", "code"])
    assert plan != replace(plan, verdict="tie")


def test_plans_share_no_values_that_a_file_lacks_and_a_note_that_is_no_text_is_read():
    one, other = (Plan.from_dict({"mixture": {"a": 1.0}, "notes": [{"a": 1}]}) for _ in range(2))
    assert one.notes == ("{'a': 1}",)
    for key in ("baselines", "provenance"):
        assert getattr(one, key) is None or getattr(one, key) is not getattr(other, key)
