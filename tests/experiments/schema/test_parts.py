"""Unions, classes and links, each alone."""

import abc
import sys
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonargparse import ArgumentParser
from jsonschema import Draft7Validator

from experiments.commands import compare, demo
from experiments.mistakes import parser_of
from experiments.schema.known_classes import known_classes, summary
from experiments.schema.linked import Link, below, links_of
from experiments.schema.unions import YAML_FILE, union

OPTIONS = [
    {},
    *({"type": name} for name in ("null", "boolean", "integer", "number", "string", "array", "object")),
    {"enum": ["a", 1, None]},
    {"enum": [True, "b.yaml"]},
    YAML_FILE,
    {"type": "array", "items": {"type": "integer"}},
    {"type": "array", "items": {"type": "string"}, "minItems": 2},
    {"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": False},
    {"type": ["object", "string"], "properties": {"b": {"type": "null"}}, "required": ["b"]},
    {"anyOf": [{"type": "number"}, {"enum": ["auto"]}]},
]
VALUES = st.recursive(
    st.sampled_from([None, True, False, 1, 0, 2.5, "a", "b.yaml", "auto", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)


@given(st.lists(st.sampled_from(OPTIONS), min_size=1, max_size=5), VALUES)
def test_a_union_holds_where_one_of_its_schemas_does(schemas, value):
    made = union(schemas)
    Draft7Validator.check_schema(made)
    assert Draft7Validator(made).is_valid(value) == any(Draft7Validator(each).is_valid(value) for each in schemas)


def test_a_mistake_in_one_of_several_types_is_reported_where_it_stands():
    schema = union([{"type": "null"}, OPTIONS[11], OPTIONS[13]])
    (error,) = Draft7Validator(schema).iter_errors([1, "x"])
    assert error.json_path == "$[1]"
    (error,) = Draft7Validator(schema).iter_errors({"a": 1, "c": 2})
    assert "'c' was unexpected" in error.message


@pytest.fixture
def own_module(monkeypatch):
    """A module of the user's own with a base and two classes, one of them named by a package around it."""
    package, module = types.ModuleType("own_networks"), types.ModuleType("own_networks.parts")
    space = {"__name__": module.__name__}
    base = type("Base", (abc.ABC,), {**space, "__module__": module.__name__, "f": abc.abstractmethod(lambda self: 0)})
    for name in ("First", "Second"):
        made = type(name, (base,), {"__module__": module.__name__, "f": lambda self: 1, "__doc__": f"{name}.\n\nMore."})
        setattr(module, name, made)
    package.First = module.First
    for each in (package, module):
        monkeypatch.setitem(sys.modules, each.__name__, each)
    return base


def test_classes_of_other_modules_are_known_if_these_are_named(own_module):
    assert known_classes([own_module]) == []
    first, second = known_classes([own_module], ["own_networks"])
    assert first.names == ("own_networks.First", "First") and first.longer == ("own_networks.parts.First",)
    assert second.names == ("own_networks.parts.Second", "Second") and second.longer == ()
    assert summary(first.cls) == "First."


def test_links_are_seen_from_the_class_that_they_lead_into():
    width = Link("model.init_args.network.init_args.width", ("model.init_args.grid",))
    classes = Link("model.init_args.network.init_args.classes", ("data.init_args.classes",))
    inner = below(frozenset({width, classes}), "model")
    assert inner == {Link("network.init_args.width", ("grid",)), Link("network.init_args.classes", (None,))}
    assert below(inner, "loss") == frozenset()
    assert below(inner, "network") == {Link("width", ()), Link("classes", (None,))}, (
        "of MelodyTracker, which has a grid"
    )
    (seen,) = (link for link in inner if link.certain)
    assert seen.holds({"grid.lowest_note", "network"}) and not seen.holds({"network", "gridded"})


def test_the_links_of_a_parser_are_found():
    parser = ArgumentParser()
    for name in ("--a", "--b"):
        parser.add_argument(name, type=int)
    assert links_of(parser) == frozenset()
    parser.link_arguments("a", "b")
    assert links_of(parser) == {Link("b", ("a",))}


def test_the_parser_of_a_command_is_had_without_running_it(capsys):
    parser = parser_of(compare.main)
    assert "methods" in {action.dest for action in parser._actions}
    assert parser_of(demo.main) is None, "it takes what fit takes"
    assert capsys.readouterr() == ("", "")
