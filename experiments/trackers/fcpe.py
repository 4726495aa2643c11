"""FCPE by torchfcpe, https://github.com/CNChTu/FCPE, and the weights it ships.

"FCPE: A fast context-based pitch estimation model", arXiv:2509.15140, 2025.
"""

from __future__ import annotations

import numpy as np
import torch
import torchfcpe  # type: ignore[import-not-found, import-untyped, unused-ignore]
from numpy.typing import NDArray


class Fcpe:
    """FCPE's bundled model, 32.7 to 1975.5 Hz, a frame every 10 ms, decoded about the largest activation.

    The package masks what it takes for unvoiced; here every frame has its guess.

    Args:
        voiced: a frame is voiced where the largest activation, 0 to 1, is greater; the package's own is 0.006.
    """

    def __init__(self, voiced: float) -> None:
        self.voiced = voiced
        self.model = torchfcpe.spawn_bundled_infer_model(device="cpu")

    @torch.inference_mode()
    def __call__(self, samples: NDArray[np.float32], rate: int) -> tuple[NDArray[np.float64], ...]:
        """Times in s, f0 in Hz, negative where unvoiced, and confidence, of `(samples,)` at full scale 1."""
        network = self.model.model
        activation = network(self.model.wav2mel(torch.from_numpy(samples)[None, :, None], rate))
        cents = network.latent2cents_local_decoder(activation, mask=False)
        f0 = network.cent_to_f0(cents)[0, :, 0].double().numpy()
        confidence = activation[0].amax(dim=1).double().numpy()
        times = np.arange(len(f0)) * self.model.get_hop_size_ms() / 1000
        return times, np.where(confidence > self.voiced, f0, -f0), confidence
