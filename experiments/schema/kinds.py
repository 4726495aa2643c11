"""The kinds of YAML files of `experiments/`, each with its schema, and one schema that tells them apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from datamodules.preparation.recipe import ShardRecipe
from experiments.commands import compare
from experiments.lightning_cli import subcommand_parser
from experiments.mistakes import parser_of
from experiments.model_card import FACTS
from experiments.released import CLASSES, INPUT
from experiments.schema.builder import SchemaBuilder
from experiments.schema.linked import links_of
from experiments.schema.studies import study_schema
from experiments.schema.sweeps import sweep_schema, values_by_key
from experiments.schema.unions import Schema
from experiments.studies.study import Study
from lightning_modules.pitch_model import PitchModel

# The draft that the YAML language server of editors is documented for.
DRAFT = "http://json-schema.org/draft-07/schema#"


class Kinds:
    """Schemas of the kinds of files.

    Args:
        builder: of the schemas of their keys.
    """

    def __init__(self, builder: SchemaBuilder) -> None:
        self._builder = builder
        self._by_key: dict[str, Schema] = {}
        self._values: dict[str, Schema] = {}

    def schema(self, kind: str | None) -> Schema:
        """The schema of a kind of `KINDS`, or of all, told apart by their keys."""
        body = self._all() if kind is None else _BODIES[kind](self)
        return {"$schema": DRAFT, "title": f"melisma: {kind or 'files of experiments'}", **body, **self._definitions()}

    def recipe(self) -> Schema:
        """What `melisma fit --config` reads."""
        parser = subcommand_parser("fit")
        return self._builder.keys(parser, links_of(parser))

    def part(self) -> Schema:
        """A recipe of which another file says the rest, such as base.yaml."""
        return {**self.recipe(), "required": []}

    def corpus(self) -> Schema:
        """What `melisma prepare` and `data.init_args.recipes` read."""
        return self._builder.dataclass(ShardRecipe)

    def sweep(self) -> Schema:
        """What `wandb sweep` reads."""
        return sweep_schema(self._keys())

    def study(self) -> Schema:
        """What `melisma study` reads."""
        return study_schema(self._builder.arguments(Study), self._keys())

    def comparison(self) -> Schema:
        """What `melisma compare --config` reads."""
        parser = parser_of(compare.main)
        assert parser is not None
        return self._builder.keys(parser)

    def card(self) -> Schema:
        """What `melisma release --card` reads."""
        lists = {name: {"type": "array", "items": {"type": "object"}} for name, kind in FACTS.items() if kind is list}
        texts: Schema = {name: {"type": "string"} for name in FACTS}
        return _object({**texts, **lists, "limits": {"type": "array"}}, [])

    def released(self) -> Schema:
        """The config.yaml of a released model."""
        arguments = self._builder.arguments(PitchModel)
        model = _object({"class_path": {"enum": list(CLASSES)}, "init_args": arguments}, ["class_path", "init_args"])
        counts = {"type": "integer", "minimum": 1}
        takes = _object({"rate": counts, "hop": counts, "spectrogram": {"type": ["object", "null"]}}, INPUT)
        return _object({"model": model, "input": takes}, ["model", "input"])

    def _keys(self) -> dict[str, Schema]:
        if not self._by_key:
            self._by_key, self._values = values_by_key(self.recipe(), self._builder.definitions())
        return self._by_key

    def _all(self) -> Schema:
        last = {"else": self.part()}
        for kind, keys in reversed(TOLD_BY.items()):
            told = {"anyOf": [{"required": [key]} for key in keys]}
            last = {"else": {"if": told, "then": _BODIES[kind](self), **last}}
        return last["else"]

    def _definitions(self) -> Schema:
        return {"definitions": {**self._builder.definitions(), **self._values}}


# Kinds, and keys that no file of a kind after it has; what has none of them is a part of a recipe.
TOLD_BY: dict[str, tuple[str, ...]] = {
    "corpus": ("corpus", "directory"),
    "study": ("findings", "runs"),
    "sweep": ("parameters", "method"),
    "comparison": ("methods",),
    "card": tuple(name for name in FACTS if name not in ("data", "figures")),
    "released": ("input",),
    "recipe": ("model", "data"),
}
_BODIES: dict[str, Callable[[Kinds], Schema]] = {
    **{kind: getattr(Kinds, kind) for kind in TOLD_BY},
    "part": Kinds.part,
}
KINDS = tuple(_BODIES)


def _object(properties: Schema, required: Sequence[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
