"""A corpus of one's own, added as `datamodules/corpora/README.md` says: by a YAML alone, or by a class and a YAML."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.testing import assert_allclose, assert_array_equal

from datamodules import MelodyData, corpora
from datamodules.shards.index import SplitIndex
from experiments.commands.prepare import main as melisma_prepare

README = Path(corpora.__file__).with_name("README.md").read_text()

# One file for all takes: `takes.txt` has a line `singer take f0` for each WAV file `singer/take.wav`.
MODULE = '''"""Takes: sung notes of constant pitch (A. Author, "A paper", ISMIR 2024; licence CC BY 4.0)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datamodules.annotations.f0_series import F0Series
from datamodules.corpora.base import Corpus, PitchSource, Recording, require, unique_and_sorted
from datamodules.corpora.sources.audio_files import AudioFile
from datamodules.files import read_text


@dataclass(frozen=True)
class ConstantPitch(PitchSource):
    f0: float

    def fingerprint(self):
        return f"ConstantPitch {self.f0}"

    def read(self):
        return F0Series(np.array([0.0, 2.0]), np.array([self.f0, self.f0]))


class Takes(Corpus):
    """Takes of several singers.

    Args:
        folder: holds `takes.txt`.
        lowest: takes below this f0 are left out, Hz.
    """

    def __init__(self, folder: str, lowest: float = 0.0) -> None:
        self.folder, self.lowest = folder, lowest
        require(self, "lowest", lowest >= 0, "Hz, not negative")

    def recordings(self):
        lines = [line.split() for line in read_text(Path(self.folder) / "takes.txt").splitlines()]
        return unique_and_sorted((self._take(*line) for line in lines if float(line[2]) >= self.lowest), self.folder)

    def _take(self, singer, take, f0):
        audio = AudioFile(Path(self.folder) / singer / f"{take}.wav")
        return Recording(f"{singer}_{take}", audio, ConstantPitch(float(f0)), group=singer, metadata={"take": take})
'''

RECIPE = """
corpus: {class_path: my_takes.Takes, init_args: {folder: recordings/takes, lowest: 150}}
directory: data/takes
rate: 8000
hop: 80
segment: 1.0
context: 0.1
splits: {validation: [bert], train: rest}
"""


def sing(path, hz, rate, seconds=2.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate), rate)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Relative paths of a YAML are those of the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def batch_of(directory, window, validation=None):
    data = MelodyData(window, train=[str(directory)], validation={"mine": str(directory)}, batch_size=8)
    data.setup("fit")
    assert data.val_dataloader()
    return next(iter(data.train_dataloader()))


def pitch_of(window, rate):
    """Frequency of the strongest bin, Hz."""
    spectrum = np.abs(np.fft.rfft(window * np.hanning(len(window)), 1 << 16))
    return np.argmax(spectrum) * rate / (1 << 16)


def test_a_class_in_a_module_of_its_own_is_prepared_and_trained_on(folder, monkeypatch):
    (folder / "modules").mkdir()
    (folder / "modules" / "my_takes.py").write_text(MODULE)
    monkeypatch.syspath_prepend(folder / "modules")
    takes = [("anna", "one", 220.0), ("anna", "two", 330.0), ("bert", "one", 200.0), ("carl", "low", 110.0)]
    for singer, take, f0 in takes:
        sing(folder / "recordings" / "takes" / singer / f"{take}.wav", f0, 16000)
    (folder / "recordings" / "takes" / "takes.txt").write_text("\n".join(f"{a} {b} {f0}" for a, b, f0 in takes))
    (folder / "takes.yaml").write_text(RECIPE)
    monkeypatch.setenv("MELISMA_TRUST", "my_takes")  # as `melisma prepare takes.yaml --trust my_takes` does
    melisma_prepare(["takes.yaml"])
    index = SplitIndex([folder / "data" / "takes"], "train")
    assert index.tracks == ("anna_one", "anna_two")
    assert SplitIndex([folder / "data" / "takes"], "validation").tracks == ("bert_one",)
    batch = batch_of(folder / "data" / "takes", 1024)
    assert_array_equal(batch.f0.numpy().ravel(), np.array([220.0, 330.0], np.float32)[batch.track])
    inside = batch.frame.numpy() > 10
    heard = [pitch_of(window, 8000) for window in batch.signal.numpy()[inside]]
    assert inside.any() and len(set(batch.track.tolist())) == 2
    assert_allclose(heard, batch.f0.numpy()[inside, 0], rtol=0.01)


def test_the_readmes_yaml_prepares_a_folder_of_wav_files_and_tables(folder):
    (text,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    (folder / "mine.yaml").write_text(text)
    for singer in "abcde":
        for number, hz in enumerate((220.0, 247.0), start=1):
            name = f"anna{singer}_{number:02d}"
            sing(folder / "recordings" / "mine" / f"{name}.wav", hz, 22050)
            rows = "".join(f"{time:g},{hz if time < 1 else 0}\n" for time in np.arange(0, 2, 0.005))
            (folder / "recordings" / "mine" / f"{name}.csv").write_text(rows)
    melisma_prepare(["mine.yaml"])
    singers = {}
    for split, tracks in (("train", 8), ("validation", 2)):
        index = SplitIndex([folder / "data" / "mine"], split)
        assert len(index.tracks) == tracks and index.grid.rate == 16000
        singers[split] = {track.partition("_")[0] for track in index.tracks}
    assert not singers["train"] & singers["validation"]
    batch = batch_of(folder / "data" / "mine", 1024)
    notes = np.array([220.0, 247.0], np.float32)[[int(track[-1]) - 1 for track in index_of(folder).tracks]]
    voiced = batch.frame.numpy() < 100
    assert voiced.any() and not voiced.all()
    assert_array_equal(batch.f0.numpy()[:, 0], np.where(voiced, notes[batch.track], 0))


def index_of(folder):
    return SplitIndex([folder / "data" / "mine"], "train")


def test_the_example_is_as_short_as_the_readme_promises():
    assert len([line for line in MODULE.splitlines() if line.strip()]) < 40


@pytest.mark.slow
def test_prepare_names_every_public_corpus_and_takes_it_by_its_short_name(folder):
    # In a process of its own, where no test has imported a corpus before.
    script = """
from contextlib import suppress
from experiments.commands.prepare import main
with suppress(SystemExit):
    main(["--help"])
main(["--corpus=SyntheticMelody", "--corpus.recordings={train: 1}", "--corpus.seconds=1.0", "--directory=short"])
"""
    environment = os.environ | {"PYTHONPATH": str(Path(corpora.__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    shown = "".join(done.stdout.split())
    parts = {
        "Audio",
        "AudioSource",
        "PitchSource",
        "Pronunciations",
        "Recording",
        "Instruments",
        "SteadyTimbres",
        "Timbres",
    }
    for name in set(corpora.__all__) - parts - {"Corpus"}:
        assert f"datamodules.{name}" in shown
    assert SplitIndex([folder / "short"], "train").tracks == ("train_00000",)
