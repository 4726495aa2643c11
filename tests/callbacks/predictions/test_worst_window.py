import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from callbacks.predictions.worst_window import worst_window

errors = arrays.arrays(np.float64, st.integers(1, 60), elements=st.sampled_from([0.0, 1 / 3, 0.5, 1.0]))


@given(errors, st.integers(1, 70))
def test_the_worst_window_has_the_most_errors_and_is_the_first_of_these(values, length):
    found = worst_window(values, length)
    if length >= len(values):
        assert found == slice(0, len(values))
        return
    sums = [round(sum(values[first : first + length]), 6) for first in range(len(values) - length + 1)]
    assert found == slice(sums.index(max(sums)), sums.index(max(sums)) + length)
