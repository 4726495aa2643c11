"""What the READMEs promise of adding one: a file that is importable and its class path, nothing to register.

Each of these stands in a temporary folder in fewer than 40 lines and goes the whole way through `melisma`.
"""

import csv
import json
import re
from textwrap import dedent

import pytest

LONGEST = 40  # lines


@pytest.fixture
def own_file(tmp_path, monkeypatch):
    """Writes a user's file into a folder of their own, which Python finds."""
    folder = tmp_path / "mine"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.chdir(tmp_path)

    def write(name, text):
        text = dedent(text).lstrip()
        assert len(text.splitlines()) < LONGEST
        (folder / name).write_text(text)
        return folder / name

    return write


def record_of(folder):
    (path,) = folder.rglob("record.json")
    return json.loads(path.read_text())


NETWORK = '''
    """A linear layer on the magnitude spectrum of the window."""

    import torch
    from torch import Tensor, nn
    from typing_extensions import override

    from architectures import FrameNetwork


    class LinearSpectrum(FrameNetwork):
        """One logit for each bin of the pitch grid, linear in the logarithm of the spectrum.

        Args:
            width: bins of the pitch grid; linked from it.
            window: samples of an excerpt.
        """

        def __init__(self, width: int, window: int = 256) -> None:
            super().__init__()
            self.width, self.window, self.frames = width, window, 1
            self.register_buffer("taper", torch.hann_window(window), persistent=False)
            self.output = nn.Linear(window // 2 + 1, width)

        @override
        def forward(self, audio: Tensor) -> Tensor:
            spectrum = torch.fft.rfft(audio * self.taper).abs()
            return self.output(torch.log1p(spectrum))[:, None]
'''

RECIPE = """
    model:
      class_path: lightning_modules.MelodyTracker
      init_args:
        network: {{class_path: linear_spectrum.LinearSpectrum}}
        grid: {{lowest_note: 58, semitones: 16, bins_per_semitone: 2}}
        loss: {{class_path: lightning_modules.SalienceBCE}}
        decoder: {{class_path: lightning_modules.LocalAverage}}
        optimizer: {{class_path: torch.optim.Adam, init_args: {{lr: 0.003}}}}
    data:
      class_path: datamodules.MelodyData
      init_args: {{train: [{shards}], validation: {{mine: {shards}}}}}
    checkpoint: {{monitor: val/mine/raw_pitch_accuracy}}
    trainer: {{max_steps: 4, val_check_interval: 4, check_val_every_n_epoch: null, logger: false, accelerator: cpu}}
"""


def test_a_network_is_one_file_and_one_yaml(own_file, melody_shards, melisma, tmp_path):
    own_file("linear_spectrum.py", NETWORK)
    recipe = own_file("linear_spectrum.yaml", RECIPE.format(shards=melody_shards))
    refused = melisma("fit", "--config", recipe)
    assert refused.code == 2 and "line 4: model.network" in refused.err and "--trust linear_spectrum" in refused.err
    fitted = melisma("fit", "--config", recipe, "--trust", "linear_spectrum")
    assert fitted.code == 0, fitted.err
    record = record_of(tmp_path / "runs")
    assert record["parameters"] == (256 // 2 + 1) * 32 + 32
    (best,) = (tmp_path / "runs").rglob("best.ckpt")
    scored = ("validate", "--config", best.parents[1] / "config.yaml", "--ckpt_path", best)
    assert "--trust linear_spectrum" in melisma(*scored).err
    again = melisma(*scored, "--trust=linear_spectrum")
    assert again.code == 0, again.err


DECODER = '''
    """The centre of gravity of the salience."""

    import torch
    from torch import Tensor
    from typing_extensions import override

    from lightning_modules.decoding import DecodedPitch, PitchDecoder
    from lightning_modules.pitch_grid import PitchGrid


    class Centroid(PitchDecoder):
        """The mean note of a frame, weighted by a power of its salience; the greatest salience is the confidence.

        Args:
            power: of the salience.
        """

        def __init__(self, power: float = 4.0) -> None:
            self.power = power

        @override
        def __call__(self, salience: Tensor, grid: PitchGrid) -> DecodedPitch:
            weight = salience.double() ** self.power + 1e-12
            note = (weight * grid.notes().to(weight)).sum(dim=1) / weight.sum(dim=1)
            return DecodedPitch((440 * 2 ** ((note - 69) / 12)).float(), salience.max(dim=1).values)
'''


def test_a_decoder_is_one_file_and_one_option(own_file, small_recipe, melisma, tmp_path):
    own_file("centroid.py", DECODER)
    fitted = melisma("fit", "--config", small_recipe, "--model.decoder=centroid.Centroid", "--model.decoder.power=2")
    assert fitted.code == 0, fitted.err
    (config,) = (tmp_path / "runs").rglob("config.yaml")
    assert "class_path: centroid.Centroid" in config.read_text() and "power: 2.0" in config.read_text()


METRIC = '''
    """How steady an estimate is."""

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import override

    from lightning_modules.metrics import TrackMetric


    class Jumps(TrackMetric):
        """Share of steps between voiced frames at which the estimate moves by more than some cents; NaN without any.

        Args:
            cents: a step of up to this is none.
        """

        def __init__(self, cents: float = 100.0) -> None:
            self.cents, self.name = cents, "jumps"

        @override
        def __call__(self, reference: NDArray[np.float64], estimate: NDArray[np.float64]) -> float:
            voiced = (reference[1:] > 0) & (reference[:-1] > 0)
            steps = 1200 * np.abs(np.diff(np.log2(estimate)))[voiced]
            return float((steps > self.cents).mean()) if steps.size else float("nan")
'''


def test_a_metric_is_one_file_and_one_option(own_file, small_recipe, melisma, tmp_path):
    own_file("jumps.py", METRIC)
    named = "--model.metrics=[{class_path: jumps.Jumps, init_args: {cents: %s}}]"
    assert melisma("fit", "--config", small_recipe, named % 50).code == 0
    record = record_of(tmp_path / "runs")
    (best,) = (tmp_path / "runs").rglob("best.ckpt")
    words = ("validate", "--config", small_recipe, "--ckpt_path", best)
    never, often = (melisma(*words, named % cents) for cents in (1e9, -1))
    assert [float(re.search(r"jumps\W+([\d.]+)", printed.out)[1]) for printed in (never, often)] == [0.0, 1.0]
    assert 0 <= record["validations"][-1]["metrics"]["val/mine/jumps"] <= 1
    assert melisma(*words, named.replace("jumps.Jumps", "jumps.Nothing") % 1).code == 2


TRACKER = '''
    """The lag of the greatest autocorrelation."""

    import numpy as np


    class Lag:
        """f0 in Hz every 10 ms, negative where the frame is not periodic; imports nothing of melisma."""

        def __call__(self, samples, rate):
            """Times in s and f0 in Hz of `(samples,)`."""
            hop, width = rate // 100, rate // 20
            shortest, longest = rate // 1000, rate // 80
            padded = np.pad(samples, width // 2)
            f0 = []
            for start in range(0, len(samples), hop):
                frame = padded[start : start + width]
                spectrum = np.fft.rfft(frame, 2 * width)
                correlation = np.fft.irfft(np.abs(spectrum) ** 2)[: longest + 1]
                lag = shortest + int(np.argmax(correlation[shortest:]))
                f0.append(rate / lag * (1 if correlation[lag] > 0.3 * correlation[0] else -1))
            return np.arange(len(f0)) * hop / rate, np.array(f0)
'''


def test_a_tracker_is_one_file_and_its_name_in_compare(own_file, melody_shards, melisma, tmp_path):
    path = own_file("lag.py", TRACKER)
    words = ("compare", melody_shards, "--split", "validation", "--bootstrap", 10, "--out", tmp_path / "out")
    compared = melisma(*words, "--methods", f"lag={path}:Lag")
    assert compared.code == 0, compared.err
    with (tmp_path / "out" / "summary.csv").open() as file:
        scores = {row["metric"]: float(row["mean"]) for row in csv.DictReader(file) if row["method"] == "lag"}
    assert scores["raw_chroma_accuracy"] > 0.5
    assert f"there is no file {tmp_path}/no.py" in melisma(*words, "--methods", f"lag={tmp_path}/no.py:Lag").err
