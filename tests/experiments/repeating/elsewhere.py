"""What a new interpreter computes, for comparison with another one: f0, answers, prepared shards, a comparison.

`python -m tests.experiments.repeating.elsewhere FOLDER`
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

from tests.experiments.catalogue import ROOT

# What a CPU that has no AVX-512 would be given by torch, oneDNN and NumPy.
LESSER_CPU = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR",
}


def computed(folder, **variables):
    """Fill a folder in an interpreter that is started with these variables of the environment."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **variables}
    command = [sys.executable, "-m", "tests.experiments.repeating.elsewhere", str(folder)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def _compute(folder):
    from datamodules.corpora import SyntheticMelody
    from datamodules.preparation.prepare import prepare
    from datamodules.preparation.recipe import ShardRecipe
    from datamodules.preparation.spectrograms import ConstantQ
    from experiments import load
    from experiments.commands import compare, report, transcribe
    from experiments.transcription.writing import PITCH

    time = np.arange(2 * 22050) / 22050
    samples = (0.3 * np.sin(2 * np.pi * (220 * time + 8 * np.sin(2 * np.pi * 3 * time)))).astype(np.float32)
    result = load("tracker")(samples, 22050)
    np.savez(folder / "f0.npz", f0=result.f0, confidence=result.confidence)
    for name, spectrogram in (("audio", None), ("spectrogram", ConstantQ(octaves=6))):
        corpus = SyntheticMelody({"train": 3}, seconds=1.0, rate=22050, lowest_note=50, highest_note=70)
        recipe = ShardRecipe(
            corpus, str(folder / name), rate=16000, hop=160, segment=1.0, context=0.1, spectrogram=spectrogram
        )
        prepare(recipe, progress=False)
    os.chdir(folder)  # what is written names its sources: here by names that are the same everywhere
    soundfile.write("song.wav", samples, 22050)
    transcribe.main(["song.wav", "--format", ",".join(PITCH), "--out", "answers"])
    compare.main(["audio:train", "--methods", "tracker,tracker_live", "--bootstrap", "100", "--out", "compared"])
    report.main(["compared", "--audio", "--bootstrap", "100"])


if __name__ == "__main__":
    _compute(Path(sys.argv[1]))
