"""The folder of a page: its sources, the model, onnxruntime-web, licences. It appears whole or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from importlib import metadata
from pathlib import Path

from datamodules.documents import read_json
from datamodules.errors import DataError
from datamodules.files import faults_named, read_text, sha256_of
from experiments.browser.pieces import piece_graph
from experiments.browser.runtime import VERSION, fetch_runtime, runtime_licence
from experiments.exporting.card import licence_of
from experiments.exporting.files import write_graph
from experiments.transcription.loading import load
from experiments.transcription.location import locate
from experiments.transcription.transcriber import Transcriber

PAGE = Path(__file__).parent / "page"
MODEL = "model.onnx"
LISTED = "site.json"  # names what a folder of ours holds
MAKER = "melisma browser"


def build_site(model: str, folder: Path) -> int:
    """Write a page.

    Args:
        model: as `load` takes it.
        folder: of the page; one that was written by this function, and holds nothing else, is replaced.

    Returns:
        Its size in bytes.

    Raises:
        DataError: the folder holds something else, the model is no tracker that reads audio, or npm fails.
    """
    refuse_foreign(folder)
    tracker = load(model)
    if not isinstance(tracker, Transcriber):
        raise DataError(f"{model}: the page shows f0, and this model gives none; take a tracker")
    with faults_named(folder, instead=True):
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        return _built(tracker, model, folder, made)


def _built(tracker: Transcriber, model: str, folder: Path, made: Path) -> int:
    """Write a page to `made`, which then becomes `folder`; its size."""
    try:
        fetch_runtime(made)  # first, because it is what fails
        for source in sorted(PAGE.iterdir()):
            shutil.copyfile(source, made / source.name)
        _write_model(tracker, model, made)
        (made / "licences").mkdir()
        (made / "licences" / "onnxruntime-web.txt").write_text(runtime_licence(), encoding="utf-8")
        (made / "licences" / "melisma.txt").write_text(_own_licence(), encoding="utf-8")
        files = {str(path.relative_to(made).as_posix()): path for path in sorted(made.rglob("*")) if path.is_file()}
        listed = {name: sha256_of(path) for name, path in files.items()}
        (made / LISTED).write_text(json.dumps({"made_by": MAKER, "files": listed}, indent=1) + "\n", encoding="utf-8")
        made.chmod(0o755)
        size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
        _replace(folder, made)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return size


def refuse_foreign(folder: Path) -> None:
    """Refuse a folder that is not a page of ours.

    Raises:
        DataError: it is no folder, or holds a file that was not written here; the message names it.
    """
    if not folder.exists() and not folder.is_symlink():
        return
    if folder.is_symlink() or not folder.is_dir():
        raise DataError(f"{folder}: is no folder; say another --out")
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    if not there:
        return
    try:
        listed = read_json(folder / LISTED) if LISTED in there else {}
        ours = {*listed["files"], LISTED} if listed.get("made_by") == MAKER else set()
    except (DataError, AttributeError, KeyError, TypeError):
        ours = set()
    if foreign := sorted(there - ours):
        raise DataError(f"{folder}: holds {foreign[0]}, which this command did not write; say another --out")


def _write_model(tracker: Transcriber, name: str, folder: Path) -> None:
    where = locate(name)
    graph, context = piece_graph(tracker)
    lowest, highest = tracker.model.grid.hz_of(tracker.model.grid.notes()[[0, -1]]).tolist()
    graph.metadata["licence"] = licence_of(where)
    write_graph(graph, folder / MODEL)
    described = {
        "name": Path(name).name,
        "licence": graph.metadata["licence"],
        "file": MODEL,
        "rate": tracker.rate,
        "hop": tracker.hop,
        "context": context,
        "voicing_threshold": tracker.threshold,
        "lowest": lowest,
        "highest": highest,
        "onnxruntime": VERSION,
    }
    (folder / "model.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")


def _own_licence() -> str:
    beside = Path(__file__).parents[2] / "LICENSE"
    if beside.is_file():
        return read_text(beside)
    for file in metadata.files("melisma") or ():
        if file.name == "LICENSE":
            return file.read_text(encoding="utf-8")
    raise DataError("the licence of melisma is not where it was installed; install it again")


def _replace(folder: Path, made: Path) -> None:
    if folder.exists():
        before = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        folder.rename(before / "site")
        made.rename(folder)
        shutil.rmtree(before)
    else:
        made.rename(folder)
