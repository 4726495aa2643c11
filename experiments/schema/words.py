"""The words of the command line, as a parser of the standard library's, from which shtab writes a completion script."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterable, Iterator, Mapping

import shtab
from jsonargparse import ArgumentParser

from experiments import cli, commands
from experiments.lightning_cli import subcommand_parser
from experiments.mistakes import parser_of
from experiments.schema.builder import SchemaBuilder
from experiments.schema.dotted import dotted_keys
from experiments.schema.linked import links_of
from experiments.schema.unions import Schema

RECIPES = "fit"  # what commands without a parser of their own take are overrides of a recipe


def words_of_melisma(builder: SchemaBuilder) -> argparse.ArgumentParser:
    """All commands with their options, those of every class among them, and what each option may be."""
    parsers: dict[str, ArgumentParser] = {name: subcommand_parser(name) for name in cli.SUBCOMMANDS}
    helps = dict(cli.summaries())
    top = argparse.ArgumentParser("melisma")
    below = top.add_subparsers()
    for name in (*cli.SUBCOMMANDS, *cli.command_files()):
        if name not in parsers:
            module = importlib.import_module(f"{commands.__name__}.{name}")
            parsers[name] = parser_of(module.main) or parsers[RECIPES]
        _add(below.add_parser(name, help=helps[name], add_help=False), parsers[name], builder)
    return top


def _add(to: argparse.ArgumentParser, parser: ArgumentParser, builder: SchemaBuilder) -> None:
    """Add the options and arguments of a command to a parser of the standard library's."""
    to.add_argument("--help", action="help", help="every option in full")
    positional = [action.dest for action in parser._actions if not action.option_strings]
    schema = builder.keys(parser, links_of(parser))
    definitions = builder.definitions()
    has_config = any(action.dest == "config" for action in parser._actions)
    if has_config:
        _complete(to.add_argument("--config", help="a YAML file"), [{"type": "string"}], definitions)
    for key, schemas in dotted_keys(schema, definitions, init_args=False).items():
        if key not in positional:
            _complete(to.add_argument(f"--{key}", help=_help(schemas)), schemas, definitions)
            if any(_is_list_of_classes(each) for each in _alternatives(schemas, definitions)):
                _complete(to.add_argument(f"--{key}+", help="one more"), schemas, definitions)
    for key in positional or ["file"] * has_config:
        _complete(to.add_argument(key, nargs="*"), [schema["properties"].get(key, {"type": "string"})], definitions)


def _complete(action: argparse.Action, schemas: Iterable[Schema], definitions: Mapping[str, Schema]) -> None:
    """Say what an option's value may be: one of some words, or a file where it is text."""
    alternatives = list(_alternatives(schemas, definitions))
    words = dict.fromkeys(word for each in alternatives for word in _words(each))
    if words:
        action.choices = list(words)
    elif any(each.get("type") == "string" for each in alternatives):
        action.complete = shtab.FILE  # type: ignore[attr-defined]


def _alternatives(schemas: Iterable[Schema], definitions: Mapping[str, Schema]) -> Iterator[Schema]:
    """The schemas in a schema that a value, or an element of a list, is to fit one of."""
    for schema in schemas:
        if "$ref" in schema:
            yield from _alternatives([definitions[schema["$ref"].rpartition("/")[2]]], definitions)
        elif "class_path" in schema.get("properties", {}):
            yield schema
        else:
            yield schema
            inner = [*schema.get("anyOf", ()), *(each.get("then", each) for each in schema.get("allOf", ()))]
            items = schema.get("items", [])
            yield from _alternatives([*inner, *([items] if isinstance(items, dict) else items)], definitions)


def _words(schema: Schema) -> Iterator[str]:
    if "class_path" in schema.get("properties", {}):
        class_path = schema["properties"]["class_path"]
        yield from class_path.get("anyOf", [class_path])[0]["enum"]
    for value in schema.get("enum", ()):
        yield {True: "true", False: "false", None: "null"}.get(value) or str(value)
    names = schema.get("type", ())
    if "boolean" in ([names] if isinstance(names, str) else names):
        yield from ("true", "false")


def _is_list_of_classes(schema: Schema) -> bool:
    return "$ref" in schema.get("items", {})


def _help(schemas: Iterable[Schema]) -> str:
    return next((each["description"].replace("%", "%%") for each in schemas if "description" in each), "")
