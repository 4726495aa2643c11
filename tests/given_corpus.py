"""A corpus of given recordings, and sources of given values: what a test needs in place of a data set on disk."""

import hashlib
import pickle
from collections.abc import Iterable

from typing_extensions import override

from datamodules.corpora.base import Corpus, Recording, Source


class Given(Source):
    """A source of one value (Audio, F0Series, MultiF0Series or an array); `reads` counts how often it was read."""

    def __init__(self, value):
        self.value, self.reads = value, 0

    @override
    def fingerprint(self):
        return hashlib.sha256(pickle.dumps(self.value)).hexdigest()

    def read(self):
        self.reads += 1
        return self.value


class GivenCorpus(Corpus):
    """Recordings in the order given."""

    def __init__(self, recordings: Iterable[Recording]) -> None:
        self._recordings = list(recordings)

    @override
    def recordings(self):
        return self._recordings
