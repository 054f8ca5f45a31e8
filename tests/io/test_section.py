"""Sections: a union is read as the member whose keys match."""

import json
from pathlib import Path

import pytest

from mixlaw.appraisal.appraisal_sections import Appraisal, DistanceEvidence, TextEvidence

OLD = Path(__file__).parents[1] / "appraisal" / "old"


@pytest.mark.parametrize(("name", "kind"), [("appraisal-distance", DistanceEvidence), ("appraisal-runs", TextEvidence)])
def test_a_union_is_read_as_the_member_whose_keys_match(name, kind):
    content = json.loads((OLD / f"{name}.json").read_text(encoding="utf-8"))
    found = Appraisal.from_dict(content)
    assert type(found.text) is kind
    assert found.to_dict() == content
    assert list(found.to_dict()["text"]) == list(content["text"])
    assert type(Appraisal.from_dict(found).text) is kind


def test_both_names_of_a_distance_read_the_same():
    found = DistanceEvidence.from_dict({"by": "ngram-kl", "without": 0.3, "with": 0.25})
    assert found.with_it == found["with"] == 0.25
    assert found.with_values({"with": 0.2}).with_it == 0.2
