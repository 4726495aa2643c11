"""`python -m tests.compiled` compiles what librosa needs, once for all processes of the tests: half a minute."""

import os
from pathlib import Path

COMPILED = Path(__file__).parents[1] / ".pytest_cache" / "numba"


def compile_all() -> None:
    """Call what takes seconds to compile, constant-Q transforms and pYIN, and keep it in `COMPILED`."""
    os.environ["NUMBA_CACHE_DIR"] = str(COMPILED)  # before numba is imported

    import librosa
    import numpy as np

    noise = np.random.default_rng(0).normal(size=16000).astype(np.float32)
    librosa.cqt(noise, sr=16000, hop_length=160, fmin=65.4, n_bins=72)
    librosa.pyin(noise, fmin=65.0, fmax=1000.0, sr=16000)


if __name__ == "__main__":
    compile_all()
