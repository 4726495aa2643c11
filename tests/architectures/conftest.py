"""Fixtures that several networks' tests share."""

import pytest
import torch
from jsonargparse import ArgumentParser


@pytest.fixture
def one_thread():
    """Steps are so small that threads wait for each other longer than they work where the machine is shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def fresh_compiler():
    """Without memory of the sizes of other networks, which would make it compile for any size."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.fixture
def configured():
    """An object as the command line makes it of a configuration, and again of what it writes into config.yaml."""

    def make(kind, class_path, **init_args):
        parser = ArgumentParser(exit_on_error=False)
        parser.add_subclass_arguments(kind, "part")
        options = parser.parse_object({"part": {"class_path": class_path, "init_args": init_args}})
        return parser.instantiate(parser.parse_string(parser.dump(options))).part

    return make
