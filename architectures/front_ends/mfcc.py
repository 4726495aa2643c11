"""Front ends of phoneme recognition: cepstral coefficients and log mel energies, or features that are stored.

What they give for an utterance depends on its own samples alone: beyond both ends stand zeros, as they do in a padded
batch, and means, variances and differences are taken over the utterance's own frames.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor, nn
from torchaudio.functional import create_dct, melscale_fbanks

from architectures.base import FrontEnd, Sequences
from architectures.layers import check_positive
from architectures.masked import frame_mask

FLOOR = 1e-6  # added to mel power before the logarithm; audio has full scale 1
REACH = 2  # frames on each side that a difference is taken over


class FeatureNormalisation(nn.Module):
    """What is done to the features of an utterance, coefficient by coefficient, from its own frames alone."""

    @abstractmethod
    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """Normalise each utterance.

        Args:
            values: `(batch, frames, bins)`, zeros in the padding.
            mask: `(batch, frames)` bool, False in the padding.

        Returns:
            The same shape; anything in the padding.
        """


class CepstralMeanNormalisation(FeatureNormalisation):
    """Less the mean over the utterance, which takes away a constant channel."""

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """See FeatureNormalisation."""
        return values - _mean(values, mask)


class CepstralMeanVarianceNormalisation(FeatureNormalisation):
    """Less the mean over the utterance, over the standard deviation.

    Args:
        epsilon: added to the (biased) variance, so that what is constant becomes 0.

    Raises:
        ValueError: epsilon is not positive.
    """

    def __init__(self, epsilon: float = 1e-8) -> None:
        super().__init__()
        if not epsilon > 0:
            raise ValueError(f"epsilon: {epsilon} is not positive")
        self.epsilon = epsilon

    def forward(self, values: Tensor, mask: Tensor) -> Tensor:
        """See FeatureNormalisation."""
        centred = (values - _mean(values, mask)).masked_fill(~mask[..., None], 0.0)
        return centred * torch.rsqrt(_mean(centred.square(), mask) + self.epsilon)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """`(batch, 1, bins)` over the frames that exist; `values` are 0 in the padding."""
    return values.sum(dim=1, keepdim=True) / mask.sum(dim=1).clamp(min=1)[:, None, None]


def differences(values: Tensor, lengths: Tensor) -> Tensor:
    """Slopes of lines fitted over five frames; beyond an utterance's ends its first and last frames go on.

    S. Furui, "Speaker-Independent Isolated Word Recognition Using Dynamic Features of Speech Spectrum", IEEE
    Transactions on ASSP 34, 1986.

    Args:
        values: `(batch, frames, bins)`.
        lengths: `(batch,)` int64, frames of each utterance.

    Returns:
        The same shape; anything behind each end.
    """
    places = torch.arange(values.shape[1], device=values.device)
    last = (lengths - 1).clamp(min=0)[:, None]

    def shifted(by: int) -> Tensor:
        index = torch.minimum((places + by).clamp(min=0)[None], last)
        return values.gather(1, index[..., None].expand_as(values))

    slope = torch.stack([by * (shifted(by) - shifted(-by)) for by in range(1, REACH + 1)]).sum(dim=0)
    return slope / (2 * sum(by * by for by in range(1, REACH + 1)))


class LogMelFilterbank(FrontEnd):
    """Natural logarithm of the energies of mel bands, and how they change.

    Frames are Hann windows in a transform of the next power of two, the first centred on the first sample, each
    further one a hop later, as long as their centres exist or stand right behind the end: `samples // hop + 1`. Beyond
    both ends of the signal stand zeros, so that no signal is too short. Bands are triangles on HTK's mel scale, of
    height 1; 1e-6 is added to their energy. There is nothing to learn, and nothing in the state dict.

    Args:
        filters: bands of the mel scale.
        rate: samples per second.
        window: seconds of a frame.
        hop: seconds between frames.
        minimum: Hz, lower end of the lowest band.
        maximum: Hz, upper end of the highest band; None: half of the rate.
        deltas: 0: the energies alone; 1: and their differences over five frames; 2: and those of the differences.
        normalisation: of all of these, over the utterance; None: none.

    Attributes:
        hop: samples between frames.

    Raises:
        ValueError: an argument is out of range, or a band so narrow that it holds no frequency of the transform.
    """

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
        self.banks: Tensor
        self.taper: Tensor
        self.register_buffer("banks", banks, persistent=False)
        self.register_buffer("taper", torch.hann_window(self.window), persistent=False)

    def frames(self, samples: int) -> int:
        """`samples // hop + 1`; none of no samples."""
        return samples // self.hop + 1 if samples > 0 else 0

    def forward(self, signal: Tensor, lengths: Tensor) -> Sequences:
        """See FrontEnd; float32 whatever the precision around it."""
        with torch.autocast(signal.device.type, enabled=False):
            frames = torch.where(lengths > 0, lengths // self.hop + 1, 0)
            # A window that reaches over the end finds the same zeros in a batch as it does alone.
            values = self.static(self._log_mel(signal.float()))
            mask = frame_mask(frames, values.shape[1])
            return Sequences(_finished(values, frames, mask, self.deltas, self.normalisation), frames)

    def static(self, log_mel: Tensor) -> Tensor:
        """`(batch, frames, filters)` log energies to what differences are taken of: the same."""
        return log_mel

    def _log_mel(self, signal: Tensor) -> Tensor:
        # A batch may have no samples at all; there is one frame then, which belongs to nobody.
        spectrum = torch.stft(
            nn.functional.pad(signal, (self.size // 2, self.size // 2)),
            self.size,
            self.hop,
            self.window,
            self.taper,
            center=False,
            return_complex=True,
        )
        power = spectrum.real.square() + spectrum.imag.square()
        return torch.log(power.transpose(1, 2) @ self.banks + FLOOR)


class MFCC(LogMelFilterbank):
    """Mel-frequency cepstral coefficients: the first of an orthonormal cosine transform of log mel energies.

    S. Davis, P. Mermelstein, "Comparison of Parametric Representations for Monosyllabic Word Recognition in
    Continuously Spoken Sentences", IEEE Transactions on ASSP 28, 1980. Values are those of
    `torchaudio.transforms.MFCC(log_mels=True)`; coefficient 0 is among them. Frames are those of LogMelFilterbank.

    Args:
        coefficients: how many, from 0 on.
        rate: see LogMelFilterbank.
        window: see LogMelFilterbank.
        hop: see LogMelFilterbank.
        filters: bands of the mel scale; at least as many as coefficients.
        minimum: see LogMelFilterbank.
        maximum: see LogMelFilterbank.
        deltas: see LogMelFilterbank.
        normalisation: see LogMelFilterbank.

    Raises:
        ValueError: as LogMelFilterbank, or there are more coefficients than filters.
    """

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
        super().__init__(filters, rate, window, hop, minimum, maximum, deltas, normalisation)
        if not 1 <= coefficients <= filters:
            raise ValueError(f"coefficients: {coefficients} is not 1 to filters: {filters}")
        self.bins = coefficients * (1 + deltas)
        self.cosines: Tensor
        self.register_buffer("cosines", create_dct(coefficients, filters, "ortho"), persistent=False)

    def static(self, log_mel: Tensor) -> Tensor:
        """`(batch, frames, filters)` log energies to `(batch, frames, coefficients)`."""
        return log_mel @ self.cosines


class StoredFeatures(FrontEnd):
    """Features that were computed beforehand, as they are or normalised.

    Its signal is `(batch, frames, bins)`, its lengths are frames.

    Args:
        bins: of each frame.
        normalisation: over the utterance; None: none.

    Raises:
        ValueError: bins is not positive.
    """

    def __init__(self, bins: int, normalisation: FeatureNormalisation | None = None) -> None:
        super().__init__()
        check_positive(bins=bins)
        self.rate, self.bins, self.normalisation = None, bins, normalisation

    def frames(self, samples: int) -> int:
        """As many; what counts as samples are frames already."""
        return samples

    def forward(self, signal: Tensor, lengths: Tensor) -> Sequences:
        """See FrontEnd.

        Raises:
            ValueError: the features have another number of bins, or are audio.
        """
        if signal.ndim != 3 or signal.shape[2] != self.bins:
            raise ValueError(
                f"bins: StoredFeatures is made for (batch, frames, {self.bins}), but the data are "
                f"{tuple(signal.shape)}; state the number of bins that is stored, or a front end for audio"
            )
        mask = frame_mask(lengths, signal.shape[1])
        return Sequences(_finished(signal.float(), lengths, mask, 0, self.normalisation), lengths)


def _finished(
    values: Tensor, lengths: Tensor, mask: Tensor, deltas: int, normalisation: FeatureNormalisation | None
) -> Tensor:
    """Differences behind the values, all normalised, zeros in the padding."""
    orders = [values]
    for _ in range(deltas):
        orders.append(differences(orders[-1], lengths))
    features = torch.cat(orders, dim=2).masked_fill(~mask[..., None], 0.0)
    return features if normalisation is None else normalisation(features, mask).masked_fill(~mask[..., None], 0.0)
