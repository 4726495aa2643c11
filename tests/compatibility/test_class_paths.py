"""Class paths that recipes and config.yaml files of earlier versions name; `class_paths.txt` lists those of 0.1."""

from pathlib import Path

import pytest
from jsonargparse._util import get_import_path, import_object

PATHS = Path(__file__).with_name("class_paths.txt").read_text().split()


@pytest.mark.parametrize("path", PATHS)
def test_a_class_path_of_an_earlier_version_names_the_same_class(path):
    assert import_object(path).__name__ == path.rpartition(".")[2]


@pytest.mark.parametrize("path", [path for path in PATHS if path.count(".") == 1])
def test_a_class_is_written_into_config_yaml_by_its_public_path(path):
    assert get_import_path(import_object(path)) == path
