"""Front ends of phoneme recognition: log mel energies, cepstral coefficients, and features that are stored.

The features of an utterance depend on its own samples alone. Beyond both ends the signal is 0, as in a padded batch;
differences and normalisations are computed over the utterance's own frames.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torchaudio.functional import create_dct, melscale_fbanks, spectrogram
from typing_extensions import override

from architectures.base import FrontEnd, Sequences
from architectures.front_ends.normalisation import FeatureNormalisation
from architectures.layers import check_positive
from architectures.masked import frame_mask

FLOOR = 1e-6  # added to mel power before the logarithm; audio has full scale 1
NEIGHBOURS = 2  # frames on each side that a difference is taken over


def differences(values: Tensor, lengths: Tensor) -> Tensor:
    """Slopes of lines fitted over five frames; an utterance's first and last frames are repeated beyond its ends.

    S. Furui, "Speaker-Independent Isolated Word Recognition Using Dynamic Features of Speech Spectrum", IEEE
    Transactions on ASSP 34, 1986. torchaudio's `compute_deltas` knows no lengths.

    Args:
        values: `(batch, frames, bins)`.
        lengths: `(batch,)` int64, frames of each utterance.

    Returns:
        The same shape; anything in the padding.
    """
    places = torch.arange(values.shape[1], device=values.device)
    last = (lengths - 1).clamp(min=0)[:, None]

    def shifted(by: int) -> Tensor:
        index = torch.minimum((places + by).clamp(min=0)[None], last)
        return values.gather(1, index[..., None].expand_as(values))

    steps = range(1, NEIGHBOURS + 1)
    slope = torch.stack([by * (shifted(by) - shifted(-by)) for by in steps]).sum(dim=0)
    return slope / (2 * sum(by * by for by in steps))


class LogMelFilterbank(FrontEnd):
    """Natural logarithm of the energies in mel bands, and their differences over time.

    Frame t is a Hann window centred on sample t * hop, in a transform of the next power of two; there are
    `samples // hop + 1` frames, and none of no samples. Beyond both ends the signal is 0, so that none is too short.
    Bands are triangles of height 1 on HTK's mel scale; 1e-6 is added to their energy. Features are float32 whatever the
    precision of autocast. Nothing is learned, and nothing is in the state dict.

    Args:
        filters: mel bands.
        rate: samples per second.
        window: seconds of a frame.
        hop: seconds between frames.
        minimum: Hz, lower end of the lowest band.
        maximum: Hz, upper end of the highest band; None: half of the rate.
        deltas: 0: the energies alone; 1: also their differences over five frames; 2: also the differences of those.
        normalisation: of all of these; None: none.

    Attributes:
        hop: samples between frames.

    Raises:
        ValueError: an argument is out of range, or a band is so narrow that it holds no frequency of the transform.
    """

    banks: Tensor
    taper: Tensor

    def __init__(
        self,
        filters: int = 80,
        rate: int = 16_000,
        window: float = 0.025,
        hop: float = 0.01,
        minimum: float = 0.0,
        maximum: float | None = None,
        deltas: int = 0,
        normalisation: FeatureNormalisation | None = None,
    ) -> None:
        super().__init__()
        self.window, self.hop = round(window * rate), round(hop * rate)
        check_positive(filters=filters, rate=rate, window=self.window, hop=self.hop)
        maximum = rate / 2 if maximum is None else maximum
        if not 0 <= minimum < maximum <= rate / 2:
            raise ValueError(f"minimum, maximum: {minimum} and {maximum} are no band within 0 to {rate / 2} Hz")
        if deltas not in (0, 1, 2):
            raise ValueError(f"deltas: {deltas} is not 0, 1 or 2")
        self.rate, self.deltas, self.normalisation = rate, deltas, normalisation
        self.bins = filters * (1 + deltas)
        self.size = 1 << (self.window - 1).bit_length()
        banks = melscale_fbanks(self.size // 2 + 1, minimum, maximum, filters, rate)
        empty = (banks.amax(dim=0) == 0).sum().item()
        if empty:
            raise ValueError(
                f"filters: {empty} of {filters} bands lie between the frequencies of a transform of {self.size} "
                "samples; use fewer filters or a longer window"
            )
        self.register_buffer("banks", banks, persistent=False)
        self.register_buffer("taper", torch.hann_window(self.window), persistent=False)

    @override
    def frames(self, samples: int) -> int:
        return samples // self.hop + 1 if samples > 0 else 0

    @override
    def forward(self, signal: Tensor, lengths: Tensor) -> Sequences:
        with torch.autocast(signal.device.type, enabled=False):
            frames = torch.where(lengths > 0, lengths // self.hop + 1, 0)
            # A window that reaches over the end reads the same zeros in a batch as it does alone.
            values = self.static(self._log_mel(signal.float()))
            return _finished(values, frames, self.deltas, self.normalisation)

    def static(self, log_mel: Tensor) -> Tensor:
        """What differences are computed of: `(batch, frames, filters)` log energies, as they are."""
        return log_mel

    def _log_mel(self, signal: Tensor) -> Tensor:
        # A batch may have no samples at all; there is one frame then, which belongs to no utterance.
        power = spectrogram(
            signal,
            pad=self.size // 2,
            window=self.taper,
            n_fft=self.size,
            hop_length=self.hop,
            win_length=self.window,
            power=2.0,
            normalized=False,
            center=False,
        )
        return torch.log(power.transpose(1, 2) @ self.banks + FLOOR)


class MFCC(LogMelFilterbank):
    """Mel-frequency cepstral coefficients: the first of an orthonormal cosine transform of log mel energies.

    S. Davis, P. Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word Recognition in
    Continuously Spoken Sentences", IEEE Transactions on ASSP 28, 1980. Values are those of
    `torchaudio.transforms.MFCC(log_mels=True)`, coefficient 0 included.

    Frames and all other arguments are those of LogMelFilterbank.

    Args:
        coefficients: how many, from 0 on.
        filters: mel bands; at least as many as coefficients.

    Raises:
        ValueError: as LogMelFilterbank, or there are more coefficients than filters.
    """

    cosines: Tensor

    def __init__(
        self,
        coefficients: int = 13,
        rate: int = 16_000,
        window: float = 0.025,
        hop: float = 0.01,
        filters: int = 40,
        minimum: float = 0.0,
        maximum: float | None = None,
        deltas: int = 0,
        normalisation: FeatureNormalisation | None = None,
    ) -> None:
        super().__init__(
            filters=filters,
            rate=rate,
            window=window,
            hop=hop,
            minimum=minimum,
            maximum=maximum,
            deltas=deltas,
            normalisation=normalisation,
        )
        if not 1 <= coefficients <= filters:
            raise ValueError(f"coefficients: {coefficients} is not 1 to filters: {filters}")
        self.bins = coefficients * (1 + deltas)
        self.register_buffer("cosines", create_dct(coefficients, filters, "ortho"), persistent=False)

    @override
    def static(self, log_mel: Tensor) -> Tensor:
        return log_mel @ self.cosines


class StoredFeatures(FrontEnd):
    """Features that were computed beforehand, as they are or normalised.

    Its signal is `(batch, frames, bins)`, its lengths are frames. Audio, or another number of bins, raises a
    ValueError.

    Args:
        bins: of each frame.
        normalisation: None: none.

    Raises:
        ValueError: bins is not positive.
    """

    def __init__(self, bins: int, normalisation: FeatureNormalisation | None = None) -> None:
        super().__init__()
        check_positive(bins=bins)
        self.rate, self.bins, self.normalisation = None, bins, normalisation

    @override
    def frames(self, samples: int) -> int:
        return samples  # they are frames already

    @override
    def forward(self, signal: Tensor, lengths: Tensor) -> Sequences:
        if signal.ndim != 3 or signal.shape[2] != self.bins:
            raise ValueError(
                f"bins: StoredFeatures is made for (batch, frames, {self.bins}), but the data are "
                f"{tuple(signal.shape)}; state the number of bins that is stored, or a front end for audio"
            )
        return _finished(signal.float(), lengths, 0, self.normalisation)


def _finished(values: Tensor, lengths: Tensor, deltas: int, normalisation: FeatureNormalisation | None) -> Sequences:
    """The values followed by their differences, all normalised, zeros in the padding."""
    mask = frame_mask(lengths, values.shape[1])
    orders = [values]
    for _ in range(deltas):
        orders.append(differences(orders[-1], lengths))
    features = torch.cat(orders, dim=2).masked_fill(~mask[..., None], 0.0)
    if normalisation is not None:
        features = normalisation(features, mask).masked_fill(~mask[..., None], 0.0)
    return Sequences(features, lengths)
