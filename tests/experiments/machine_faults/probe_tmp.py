import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
import shutil
from pathlib import Path

import numpy as np
import soundfile

from tests.experiments.machine_faults.forked import *
from tests.experiments.machine_faults.places import *

base = Path("/tmp/fp")
shutil.rmtree(base, ignore_errors=True)
base.mkdir()
PREP = """
corpus:
  class_path: datamodules.AudioFolder
  init_args: {folder: %s, table_suffix: .csv}
directory: %s
rate: 8000
hop: 80
segment: 1.0
context: 0.1
records_per_shard: 3
splits: {train: 0.6, validation: 0.4}
"""
rec = base / "rec"
rec.mkdir()
for i in range(6):
    t = np.arange(16000) / 8000
    f = 200 + 20 * i
    soundfile.write(
        rec / f"a{i}.wav", 0.2 * np.sin(2 * np.pi * f * t) + 0.05 * np.random.default_rng(i).normal(size=16000), 8000
    )
    (rec / f"a{i}.csv").write_text("".join(f"{k / 100:.2f},{f}\n" for k in range(200)))
