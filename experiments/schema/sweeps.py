"""The schema of a sweep of Weights & Biases over the keys of a recipe; each value is checked against its key.

https://docs.wandb.ai/guides/sweeps/sweep-config-keys lists the keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from experiments.schema.choices import reference
from experiments.schema.dotted import dotted_keys
from experiments.schema.unions import Schema, union

TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
NOTES = ("description", "default", "enumDescriptions")
DISTRIBUTIONS = (
    *("constant", "categorical", "int_uniform", "uniform", "q_uniform", "log_uniform", "log_uniform_values"),
    *("q_log_uniform", "q_log_uniform_values", "inv_log_uniform", "inv_log_uniform_values", "normal", "q_normal"),
    *("log_normal", "q_log_normal"),
)


def values_by_key(recipe: Schema, definitions: Mapping[str, Schema]) -> tuple[dict[str, Schema], dict[str, Schema]]:
    """What each full key of a recipe takes, and the definitions to which that refers.

    Args:
        recipe: its schema.
        definitions: what it refers to.
    """
    values: dict[str, Schema] = {}  # by their text: hundreds of keys take an integer
    names: dict[str, str] = {}
    by_key = {}
    for key, schemas in sorted(dotted_keys(recipe, definitions, init_args=True).items()):
        value = _value(schemas)
        name = names.setdefault(json.dumps(value), f"value_{len(names) + 1}")
        values[name] = value
        by_key[key] = reference(name)
    return by_key, values


def sweep_schema(by_key: Mapping[str, Schema]) -> Schema:
    """What a sweep file may hold.

    Args:
        by_key: from `values_by_key`.
    """
    parameters = {key: _parameter(value) for key, value in by_key.items()}
    properties: Schema = {
        **{name: TEXT for name in ("name", "description", "project", "entity", "program")},
        "method": {"enum": ["grid", "random", "bayes"], "description": "how runs are chosen"},
        "metric": {
            **_object({"name": TEXT, "goal": {"enum": ["minimize", "maximize"]}, "target": NUMBER}, ["name", "goal"]),
            "description": "what checkpoint.monitor of the recipe names",
        },
        "parameters": {
            **_object(parameters, []),
            "minProperties": 1,
            "description": "values by the full key of the recipe",
        },
        "command": {"type": "array", "items": TEXT, "contains": {"const": "${args}"}, "description": "words of a run"},
        "early_terminate": _object(
            {
                "type": {"enum": ["hyperband"]},
                **{name: {"type": "integer", "minimum": 1} for name in ("min_iter", "max_iter", "s", "eta")},
                "strict": {"type": "boolean"},
            },
            ["type"],
        ),
        "run_cap": {"type": "integer", "minimum": 1, "description": "runs at most"},
    }
    return _object(properties, ["method", "metric", "parameters", "command"])


def _parameter(value: Schema) -> Schema:
    """A parameter of one value, of listed values, or of values from a distribution."""
    return _object(
        {
            "value": value,
            "values": {"type": "array", "minItems": 1, "items": value},
            "probabilities": {"type": "array", "items": NUMBER},
            "distribution": {"enum": list(DISTRIBUTIONS)},
            **{name: NUMBER for name in ("min", "max", "mu", "sigma", "q")},
        },
        [],
    )


def _value(schemas: Sequence[Schema]) -> Schema:
    """What one of the schemas allows, without what they say beside."""
    bare = [{name: each for name, each in schema.items() if name not in NOTES} for schema in schemas]
    return union(each["allOf"][0] if set(each) == {"allOf"} and len(each["allOf"]) == 1 else each for each in bare)


def _object(properties: Schema, required: Sequence[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
