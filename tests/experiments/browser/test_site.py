"""The folder of a page: what is written, replaced, refused; npm is a program made here."""

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch

from datamodules.errors import DataError
from experiments.browser import runtime
from experiments.browser.pieces import piece_graph
from experiments.browser.server import page_server
from experiments.browser.site import PAGE, refuse_foreign
from experiments.transcription.transcriber import Transcriber
from tests.experiments.exporting.test_graphs import convolutional, crepe, hcnn, tracker

ROOT = Path(__file__).parents[3]


def archive(names=runtime.FILES):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        for name in names:
            about = tarfile.TarInfo(f"package/dist/{name}")
            about.size = len(name)
            tar.addfile(about, io.BytesIO(name.encode()))
    return content.getvalue()


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """A program npm that packs what it is told to, and its words."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(content=None, says="", code=0, pinned=True):
        packed = archive() if content is None else content
        (folder / "packed").write_bytes(packed)
        if pinned:
            digest = base64.b64encode(hashlib.sha512(packed).digest()).decode()
            monkeypatch.setattr(runtime, "SHA512", digest)
        program = folder / "npm"
        program.write_text(
            f"#!{sys.executable}\nimport shutil, sys\n"
            f"open({str(folder / 'words')!r}, 'w').write(' '.join(sys.argv[1:]))\n"
            f"sys.stderr.write({says!r})\n"
            f"if {code}: sys.exit({code})\n"
            "out = sys.argv[sys.argv.index('--pack-destination') + 1]\n"
            f"shutil.copy({str(folder / 'packed')!r}, out + '/one.tgz')\n"
        )
        program.chmod(0o755)
        return folder

    return make


@pytest.mark.long
def test_a_page_is_written_whole_and_replaced(npm, melisma, released_folder, tmp_path):
    program = npm()
    out = tmp_path / "here" / "site"
    outcome = melisma("browser", "--model", released_folder, "--out", out)
    assert outcome.code == 0, outcome.err
    assert f"onnxruntime-web@{runtime.VERSION}" in (program / "words").read_text()
    files = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    sources = {path.name for path in PAGE.iterdir()}
    made = {"model.onnx", "model.json", "site.json", "licences/melisma.txt", "licences/onnxruntime-web.txt"}
    assert files == sources | made | set(runtime.FILES)
    about = json.loads((out / "model.json").read_text())
    assert (about["name"], about["rate"], about["hop"]) == ("small", 8000, 80)
    assert about["voicing_threshold"] == pytest.approx(0.37) and about["context"] >= 256
    assert "Apache License" in (out / "licences" / "melisma.txt").read_text()
    assert "Microsoft Corporation" in (out / "licences" / "onnxruntime-web.txt").read_text()
    for path in out.rglob("*"):
        if path.is_file():
            for place in (ROOT, tmp_path, Path.home(), released_folder):
                assert str(place).encode() not in path.read_bytes(), path
    assert os.stat(out).st_mode & 0o777 == 0o755
    (out / "style.css").unlink()
    assert melisma("browser", "--model", released_folder, "--out", out).code == 0
    assert (out / "style.css").is_file() and list(out.parent.iterdir()) == [out]


def test_the_runtime_comes_into_a_folder_that_is_named_from_the_current_one(npm, tmp_path, monkeypatch):
    npm()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "site").mkdir()
    runtime.fetch_runtime(Path("site"))
    assert sorted(path.name for path in (tmp_path / "site").iterdir()) == sorted(runtime.FILES)


def test_what_npm_cannot_do_is_said_in_a_line_and_nothing_is_left(npm, melisma, released_folder, tmp_path):
    out = tmp_path / "made" / "site"

    def refused():
        outcome = melisma("browser", "--model", released_folder, "--out", out)
        assert outcome.code == 1 and outcome.err.count("\n") == 1 and list(out.parent.iterdir()) == []
        return outcome.err

    npm().joinpath("npm").unlink()
    assert "npm: there is no such program" in refused()
    npm(says="npm error code E404\nnpm error 404 Not Found\n", code=1)
    assert f"npm could not fetch onnxruntime-web {runtime.VERSION}: 404 Not Found" in refused()
    npm(archive(["something else"]), pinned=False)
    assert "is not the one that was pinned" in refused()
    npm(archive(runtime.FILES[:1]))
    assert "its archive lacks what the page needs" in refused()


def test_a_folder_of_others_is_refused(melisma, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    outcome = melisma("browser", "--out", tmp_path)
    assert outcome.code == 1 and "holds thesis.txt, which this command did not write" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    (tmp_path / "site.json").write_text('{"made_by": "melisma browser", "files": {"main.js": ""}}')
    with pytest.raises(DataError, match=r"holds thesis.txt"):
        refuse_foreign(tmp_path)
    (tmp_path / "thesis.txt").unlink()
    refuse_foreign(tmp_path)
    for text in ('{"made_by": "somebody"}', "[]", "{", '{"made_by": "melisma browser"}'):
        (tmp_path / "site.json").write_text(text)
        with pytest.raises(DataError, match=r"holds site.json"):
            refuse_foreign(tmp_path)
    with pytest.raises(DataError, match=r"is no folder"):
        refuse_foreign(tmp_path / "site.json")


def test_a_model_without_f0_and_one_of_spectrograms_are_refused(melisma, tmp_path):
    with pytest.raises(DataError, match=r"reads spectrograms"):
        piece_graph(tracker(*hcnn()))
    outcome = melisma("browser", "--model", "nobody", "--out", tmp_path / "site")
    assert outcome.code == 1 and "nobody: no model" in outcome.err and not (tmp_path / "site").exists()
    outcome = melisma("browser", "--serve", "70000")
    assert outcome.code == 2 and "a port from 0 to 65535" in outcome.err


@pytest.mark.parametrize("make", [crepe, lambda: crepe(4), convolutional], ids=["windows", "excerpts", "convolutional"])
def test_a_piece_has_what_the_whole_has(make):
    torch.manual_seed(0)
    made: Transcriber = tracker(*make())
    graph, context = piece_graph(made)
    assert context % made.hop == 0 and graph.metadata["context"] == str(context)
    samples = (np.random.default_rng(0).normal(size=24000) * 3000).round().astype(np.float32) / 32768
    whole = made(samples, made.rate)
    padded = np.pad(samples, context)
    for first, frames in ((0, 60), (100, 80), (len(whole.f0) - 40, 40)):
        begin = first * made.hop
        piece = padded[begin : begin + 2 * context + (frames - 1) * made.hop]
        f0, confidence = graph.module(torch.from_numpy(piece))
        assert len(f0) == frames
        assert np.abs(f0.numpy() / whole.f0[first : first + frames] - 1).max() < 1e-5
        assert np.abs(confidence.numpy() - whole.confidence[first : first + frames]).max() < 1e-5


def test_files_are_offered_with_the_types_that_browsers_want(tmp_path):
    wanted = {"a.js": "text/javascript", "a.mjs": "text/javascript", "a.wasm": "application/wasm", "a.css": "text/css"}
    for name in wanted:
        (tmp_path / name).write_text("")
    with page_server(tmp_path) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name, kind in wanted.items():
            with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/{name}") as answer:
                assert answer.headers["Content-Type"] == kind
        with pytest.raises(DataError, match=rf"--serve {server.server_port}: .*take another port"):
            page_server(tmp_path, server.server_port)
        server.shutdown()


def test_the_page_allows_itself_alone():
    text = (PAGE / "index.html").read_text()
    policy = text.partition('Content-Security-Policy" content="')[2].partition('"')[0]
    assert policy.startswith("default-src 'none'; ")
    for rule in policy.split("; ")[1:]:
        assert set(rule.split()[1:]) <= {"'self'", "'none'", "'wasm-unsafe-eval'"}, rule
    for source in PAGE.iterdir():
        assert source.name == "icon.svg" or "http://" not in source.read_text().replace("http-equiv", "")


def test_help_needs_no_torch():
    script = "import atexit, sys; from experiments.cli import main\n"
    script += "atexit.register(lambda: print('torch' in sys.modules))\nmain()"
    words = [sys.executable, "-c", script, "browser", "--help"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    printed = subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout
    assert "usage: melisma browser" in printed and printed.splitlines()[-1] == "False"
