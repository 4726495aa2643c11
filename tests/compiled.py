"""`python -m tests.compiled` compiles what takes numba longest, once for all processes of the tests: 45 s."""

import os
from pathlib import Path

COMPILED = Path(__file__).parents[1] / ".pytest_cache" / "numba"


def compile_all() -> None:
    """Call what takes seconds to compile, and keep it in `COMPILED`."""
    os.environ["NUMBA_CACHE_DIR"] = str(COMPILED)  # before numba is imported

    import librosa
    import numpy as np
    import torch

    from lightning_modules.decoding import PrefixBeam
    from lightning_modules.metrics.melody.counts import Criteria, outcome_counts_of_f0

    noise = np.random.default_rng(0).normal(size=16000).astype(np.float32)
    librosa.cqt(noise, sr=16000, hop_length=160, fmin=65.4, n_bins=72)
    librosa.pyin(noise, fmin=65.0, fmax=1000.0, sr=16000)
    PrefixBeam()(torch.zeros(1, 2, 3).log_softmax(-1), torch.tensor([2]), ["a", "b"])
    outcome_counts_of_f0(np.array([440.0]), np.array([440.0]), np.array([True]), 2, Criteria())


if __name__ == "__main__":
    compile_all()
