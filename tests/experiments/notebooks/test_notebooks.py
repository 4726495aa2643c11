"""Notebooks are stored clean, and do what they say: executed in a temporary folder, by a kernel of this Python."""

import json
import os
import re
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "experiments" / "notebooks"
NOTEBOOKS = sorted(path.name for path in FOLDER.glob("*.ipynb"))
LARGEST = 250_000  # bytes of the README's picture
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
# Evaluated behind the last cell of each notebook.
RESULTS = {
    "from_recording_to_errors.ipynb": """{
        "ours": ours,
        "theirs": theirs,
        "accuracies": {name: every["raw_pitch_accuracy"].of(Sums(both.truth, guess))
                       for name, guess in both.guesses.items()},
        "classes": [sum(of_method[name] for name in CLASSES) for of_method in shares.values()],
        "bias": shown["cents_bias"],
        "threshold": [curves["voicing_recall"][50], ours["Voicing Recall"]],
        "worst": float(found.times[part][-1] - found.times[part][0]),
    }""",
    "train_in_five_minutes.ipynb": """{
        "accuracy": learned.values[:, :, 0].mean(axis=1).tolist(),
        "tracks": len(learned.tracks),
        "mine": float(scores.values[1, :, 0].mean()),
        "interval": [float(end[1, 0]) for end in (summary.differences.low, summary.differences.high)],
        "difference": float(summary.differences.mean[1, 0]),
        "folder": str(folder),
    }""",
}
# Read by Python when the kernel starts: any connection to another machine fails.
OFFLINE = """
import socket

def refuse(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise OSError(f"notebooks need no network, but this one asks for {address}")
    return connect(self, address)

connect, socket.socket.connect = socket.socket.connect, refuse
"""


def read(name):
    return nbformat.read(FOLDER / name, as_version=4)


@pytest.fixture
def execute(tmp_path, monkeypatch):
    """Executes a notebook with a cell behind it, and gives what that prints, as JSON."""

    def run(name, pictures=None):
        notebook, folders = read(name), {}
        notebook.cells.append(nbformat.v4.new_code_cell(f"import json; print(json.dumps({RESULTS[name]}))"))
        for variable in (
            *("HOME", "TMPDIR", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"),
            "MPLCONFIGDIR",
        ):
            (tmp_path / variable).mkdir()
            folders[variable] = str(tmp_path / variable)
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / "sitecustomize.py").write_text(OFFLINE)
        folders["PYTHONPATH"] = os.pathsep.join([str(tmp_path / "site"), str(ROOT)])
        if pictures is not None:
            folders["MELISMA_PICTURES"] = str(pictures)
        for variable, value in folders.items():  # the client itself writes into Jupyter's folders as well
            monkeypatch.setenv(variable, value)
        (tmp_path / "work").mkdir()
        manager = AsyncKernelManager(kernel_name="python3")
        manager.kernel_spec.argv[0] = sys.executable
        client = NotebookClient(
            notebook, km=manager, timeout=900, resources={"metadata": {"path": str(tmp_path / "work")}}
        )
        client.execute(cleanup_kc=True)  # a manager that is given is otherwise left running
        assert not list((tmp_path / "work").iterdir())  # what it writes goes into a folder of its own
        assert not [text for text in complaints(notebook) if "Warning" in text]
        return json.loads(notebook.cells[-1].outputs[-1].text), notebook

    return run


def complaints(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"]


def images(notebook):
    return {
        cell.id: output.data["image/png"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    }


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_is_stored_without_what_a_machine_adds(name):
    notebook = read(name)
    nbformat.validate(notebook)
    assert dict(notebook.metadata) == METADATA
    assert all(not cell.metadata for cell in notebook.cells)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count is None and not cell.outputs for cell in code)
    assert (FOLDER / name).read_text() == nbformat.writes(notebook) + "\n"


def test_every_notebook_has_its_row_and_its_test():
    named = re.findall(r"^\| `(\w+\.ipynb)` \|", (FOLDER / "README.md").read_text(), flags=re.MULTILINE)
    assert sorted(named) == NOTEBOOKS == sorted(RESULTS)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_cells_are_short(name):
    for cell in read(name).cells:
        limit = 35 if cell.source.startswith(("%%writefile", "%matplotlib")) else 25
        assert len(cell.source.splitlines()) <= limit, f"{name}: cell {cell.id}"


@pytest.mark.long(seconds=13)
def test_a_recording_is_judged_as_mir_eval_judges_it_and_the_picture_of_the_readme_is_made(execute, tmp_path):
    found, notebook = execute("from_recording_to_errors.ipynb", pictures=tmp_path)
    assert found["ours"] == pytest.approx(found["theirs"], abs=1e-9)
    assert found["accuracies"]["melisma's tracker"] == pytest.approx(found["ours"]["Raw Pitch Accuracy"], abs=1e-9)
    assert 0.85 < found["accuracies"]["melisma's tracker"] < 0.95  # there are errors to look at
    assert found["accuracies"]["pYIN"] < found["accuracies"]["melisma's tracker"]
    assert found["classes"] == pytest.approx([1.0, 1.0])
    assert abs(found["bias"]) < 5
    assert found["threshold"][0] == pytest.approx(found["threshold"][1], abs=0.01)
    assert found["worst"] == pytest.approx(10.0, abs=0.05)
    assert len(images(notebook)) == 9
    made, kept = (Image.open(folder / "errors.png") for folder in (tmp_path, FOLDER))
    assert max((folder / "errors.png").stat().st_size for folder in (tmp_path, FOLDER)) < LARGEST
    assert made.size == kept.size
    difference = np.abs(np.asarray(made.convert("L"), float) - np.asarray(kept.convert("L"), float))
    assert np.asarray(kept.convert("L")).std() > 20 and difference.mean() < 3


@pytest.mark.long(seconds=45)
def test_a_network_is_trained_and_one_of_your_own_beside_it(execute, tmp_path):
    found, notebook = execute("train_in_five_minutes.ipynb")
    untrained, trained = found["accuracy"]
    assert untrained < 0.2 < 0.7 < trained and found["mine"] > 0.8
    assert found["tracks"] == 20
    assert found["interval"][0] < found["difference"] < found["interval"][1]
    assert found["difference"] == pytest.approx(found["mine"] - trained)
    assert Path(found["folder"]).is_relative_to(tmp_path / "TMPDIR")
    assert set(images(notebook)) >= {"window", "curve", "written", "salience", "boxes", "own-salience"}


def test_a_cell_that_fails_fails_with_its_traceback(execute, monkeypatch):
    name = "from_recording_to_errors.ipynb"
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    monkeypatch.setitem(globals(), "read", lambda _: broken)
    with pytest.raises(Exception, match="ZeroDivisionError"):
        execute(name)


def test_a_cell_that_asks_for_the_network_fails(execute, monkeypatch):
    asks = "import urllib.request; urllib.request.urlopen('http://192.0.2.1', timeout=5)"
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(asks)])
    monkeypatch.setitem(globals(), "read", lambda _: broken)
    with pytest.raises(Exception, match="need no network"):
        execute("from_recording_to_errors.ipynb")
