"""Numbers of parameters of the perceptrons and of the rules, which have none."""

from functools import partial

from architectures import Autocorrelation, Perceptron, SpectralPeak, VoicingPerceptron
from tests.architectures.counts import Count, as_published

PERCEPTRON_COUNTS = [
    as_published("Perceptron on 1981 samples", partial(Perceptron, 128, 1981), 2_160_768),
    as_published("Perceptron on 1024 samples", partial(Perceptron, 128, 1024), 1_180_800),
    as_published("VoicingPerceptron", partial(VoicingPerceptron, 128, 1024), 2_231_425),
    as_published("Perceptron for several pitches", partial(Perceptron, 96, 2048, 1000), 2_145_096),
    *(
        Count(rule.__name__, partial(rule, 360), None, 0, "a rule, without parameters")
        for rule in (Autocorrelation, SpectralPeak)
    ),
]
