"""The schema of a study, whose settings are values by the full key of a recipe; each is checked against its key."""

from __future__ import annotations

from collections.abc import Mapping

from experiments.schema.unions import Schema
from experiments.studies.study import COMMAND, RECIPE

COMMANDS = ("fit", "validate")


def study_schema(stated: Schema, by_key: Mapping[str, Schema]) -> Schema:
    """What the file of a study may hold.

    Args:
        stated: the schema of the keys of `Study`.
        by_key: what each full key of a recipe takes.
    """
    settings: Schema = {"type": "object", "properties": dict(by_key), "additionalProperties": False}
    of_run: Schema = {
        **settings,
        "properties": {RECIPE: {"type": "string"}, COMMAND: {"enum": list(COMMANDS)}, **by_key},
    }
    properties = stated["properties"]
    changed = {
        "settings": {**properties["settings"], **settings},
        "runs": {**properties["runs"], "additionalProperties": of_run},
        "folds": {**properties["folds"], "additionalProperties": settings},
    }
    return {**stated, "properties": {**properties, **changed}}
