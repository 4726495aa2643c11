"""Writes the trees of data sets as mirdata expects them."""

import json

import pytest

from tests.datamodules.corpora.mirdata.trees import (
    RATE,
    TREES,
)


@pytest.fixture
def lay_out(tmp_path, write_tone):
    """Writes a data set's files and index, and returns its folder."""

    def write(dataset, version):
        tracks, others = TREES[dataset]
        folder = tmp_path / dataset
        for files in tracks.values():
            for relative, content in files.values():
                if isinstance(content, str):
                    others = {**others, relative: content}
                elif content is not None:
                    write_tone(folder / relative, content, RATE, subtype="FLOAT")
        for relative, content in others.items():
            (folder / relative).parent.mkdir(parents=True, exist_ok=True)
            (folder / relative).write_text(content)
        index = {
            "version": version,
            "tracks": {
                name: {key: [relative, None] for key, (relative, _) in files.items()} for name, files in tracks.items()
            },
        }
        (folder / f"{dataset}_index_{version}.json").write_text(json.dumps(index))
        return folder

    return write
