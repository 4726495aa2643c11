"""The rule by which a finding holds, does not hold or stays undecided, and the intervals that it is applied to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from experiments.studies.study import PublishedFinding

Verdict = Literal["holds", "does not hold", "undecided"]
LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and units with its 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """A run, or a pair of runs, that a finding is about.

    Attributes:
        runs: one or two names; of two, the difference is the second less the first, turned so that a claimed order is
            positive.
        interval: of the difference, or of the run.
        verdict: by the rule of `PublishedFinding`.
    """

    runs: tuple[str, ...]
    interval: Interval
    verdict: Verdict


@dataclass(frozen=True)
class Judgement:
    """What became of a finding.

    Attributes:
        verdict: it holds if all comparisons do, and does not if one does not.
        comparisons: neighbours of an order, all pairs of runs that are alike, or single runs.
        figures: of every run that it names.
    """

    verdict: Verdict
    comparisons: list[Comparison]
    figures: dict[str, Interval]


def judge(finding: PublishedFinding, values: Mapping[str, NDArray[np.float64]]) -> Judgement:
    """Apply the rule.

    Args:
        finding: what was claimed.
        values: by run, `(seeds, units)`, the same units in all runs; NaN where undefined.
    """
    comparisons = [_compare(finding, runs, values) for runs in _asked(finding)]
    verdicts = {comparison.verdict for comparison in comparisons}
    verdict: Verdict = "undecided"
    if "does not hold" in verdicts:
        verdict = "does not hold"
    elif verdicts == {"holds"}:
        verdict = "holds"
    return Judgement(verdict, comparisons, {run: interval(values[run]) for run in dict.fromkeys(finding.runs)})


def _asked(finding: PublishedFinding) -> Sequence[tuple[str, ...]]:
    if finding.order is not None:
        return list(pairwise(finding.order))
    if finding.alike is not None:
        return list(combinations(finding.alike, 2))
    return [(run,) for run in finding.runs]


def _compare(finding: PublishedFinding, runs: tuple[str, ...], values: Mapping[str, NDArray[np.float64]]) -> Comparison:
    if len(runs) == 1:
        found, limit = interval(values[runs[0]]), finding.limit
        assert limit is not None
        below, above = found.high < limit, found.low > limit
        wanted, refuted = (below, above) if finding.under is not None else (above, below)
    else:
        sign = -1.0 if finding.falling and finding.order is not None else 1.0
        found = interval(sign * (values[runs[1]] - values[runs[0]]))
        if finding.order is not None:
            wanted, refuted = found.low > 0, found.high < finding.margin
        else:
            wanted = -finding.margin < found.low and found.high < finding.margin
            refuted = found.low > finding.margin or found.high < -finding.margin
    return Comparison(runs, found, "holds" if wanted else "does not hold" if refuted else "undecided")


def interval(values: NDArray[np.float64]) -> Interval:
    """The mean over seeds and units, with an interval for other seeds and other units of their kind.

    Seeds and units are crossed random factors. The variance of the mean is estimated by that of the means of seeds over
    the number of seeds, plus that of the means of units over the number of units, which counts their interaction twice
    and is rather too wide; the degrees of freedom are Satterthwaite's (F. E. Satterthwaite, "An approximate
    distribution of estimates of variance components", Biometrics Bulletin 2, 1946). With one unit, as of a figure of
    whole runs, seeds alone vary.

    Args:
        values: `(seeds, units)`; units that are undefined for a seed are left out.

    Returns:
        NaN where no unit is defined.
    """
    known = values[:, ~np.isnan(values).any(axis=0)]
    if not known.size:
        return Interval(np.nan, np.nan, np.nan)
    parts = [
        (float(means.var(ddof=1)) / len(means), len(means) - 1)
        for means in (known.mean(axis=1), known.mean(axis=0))
        if len(means) > 1
    ]
    mean, variance = float(known.mean()), sum(part for part, _ in parts)
    if not variance:
        return Interval(mean, mean, mean)
    freedom = 1 / sum((part / variance) ** 2 / free for part, free in parts)
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * variance**0.5
    return Interval(mean, mean - half, mean + half)
