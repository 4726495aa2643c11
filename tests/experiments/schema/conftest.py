"""The schemas, made once."""

import pytest
from jsonschema import Draft7Validator

from experiments.schema.builder import SchemaBuilder
from experiments.schema.kinds import Kinds


@pytest.fixture(scope="session")
def builder():
    return SchemaBuilder()


@pytest.fixture(scope="session")
def validators(builder):
    """A validator of each kind, by its name, and of all kinds, by None."""
    made = {}

    def of(kind):
        if kind not in made:
            schema = Kinds(builder).schema(kind)
            Draft7Validator.check_schema(schema)
            made[kind] = Draft7Validator(schema)
        return made[kind]

    return of
