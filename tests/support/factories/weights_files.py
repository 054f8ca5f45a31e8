"""Weights files of trainers."""

import json

import yaml


def written(folder, suffix, content):
    """The path of a file in `folder` with a text, or with an object as JSON or YAML by the suffix."""
    path = folder / f"weights.{suffix}"
    dump = json.dumps if suffix == "json" else yaml.safe_dump
    path.write_text(content if isinstance(content, str) else dump(content))
    return path
