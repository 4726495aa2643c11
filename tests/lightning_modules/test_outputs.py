"""The contract between modules and callbacks: what is computed there, and what promises to be of a kind."""

import numpy as np

from lightning_modules.decoding import Hypothesis, SymbolSpan
from lightning_modules.outputs import AlignedSymbol, DecodedSymbols, signed_f0


def test_a_frame_is_voiced_where_its_confidence_exceeds_the_threshold_in_double_precision():
    confidence = np.array([0.0, 0.5, 0.1, 0.11], dtype=np.float32)  # 0.1 in single precision is more than 0.1
    pitch = np.array([100.0, 200.0, 300.0, 400.0], dtype=np.float32)
    assert signed_f0(pitch, confidence, 0.5).tolist() == [-100.0, -200.0, -300.0, -400.0]
    assert signed_f0(pitch, confidence, 0.1).tolist() == [-100.0, 200.0, 300.0, 400.0]
    assert signed_f0(pitch, confidence, 0.5).dtype == np.float64


def test_what_decoders_give_has_the_fields_of_the_contract():
    for protocol, kind in ((DecodedSymbols, Hypothesis), (AlignedSymbol, SymbolSpan)):
        promised = {name for name, value in vars(protocol).items() if isinstance(value, property)}
        assert promised and promised <= set(kind._fields)
