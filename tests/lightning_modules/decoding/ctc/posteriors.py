"""Posteriors of tiny networks, and the probability of each sequence of symbols by summing over all paths."""

import itertools
import math

import torch
from torch.nn.functional import ctc_loss

PHONES = ("SIL", "AA", "B")

# Of three words; logarithms to base 10.
BIGRAMS = """\
\\data\\
ngram 1=6
ngram 2=3

\\1-grams:
-2.0\t<unk>
0\t<s>\t-0.3
-1.0\t</s>
-0.5\t{0}\t-0.1
-0.7\t{1}\t-0.2
-1.5\t{2}\t0

\\2-grams:
-0.1\t{0} {1}
-0.9\t{1} {0}
-0.2\t<s> {1}

\\end\\
"""


def collapsed(path):
    return tuple(symbol for symbol, _ in itertools.groupby(path) if symbol)


def onsets(path):
    """Frames in which the symbols of a path start."""
    return [k for k, symbol in enumerate(path) if symbol and (k == 0 or path[k - 1] != symbol)]


def all_paths(log_probs):
    values = log_probs.double().tolist()
    for path in itertools.product(range(len(values[0])), repeat=len(values)):
        yield path, sum(values[frame][symbol] for frame, symbol in enumerate(path))


def probabilities(log_probs):
    """Of every sequence of symbols that an utterance may say."""
    total = {}
    for path, score in all_paths(log_probs):
        total[collapsed(path)] = total.get(collapsed(path), 0.0) + math.exp(score)
    return total


def random_log_probs(seed, *shape, scale=1.0):
    return (scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))).log_softmax(-1)


def perfect(path, symbols=4):
    """All but certain of each frame of a path, `(1, frames, symbols)`."""
    return (torch.nn.functional.one_hot(torch.tensor([path]), symbols) * 30.0).log_softmax(-1)


def decoded(decoder, log_probs, phones=PHONES):
    (hypotheses,) = decoder(log_probs, torch.tensor([log_probs.shape[1]]), phones)
    return hypotheses


def bigrams(path, *words):
    path.write_text(BIGRAMS.format(*words))
    return str(path)


def bigram_log10(said, first, second, third):
    """Of a sentence under BIGRAMS, by hand."""
    one = {"<unk>": -2.0, "</s>": -1.0, first: -0.5, second: -0.7, third: -1.5}
    back = {"<s>": -0.3, first: -0.1, second: -0.2}
    two = {(first, second): -0.1, (second, first): -0.9, ("<s>", second): -0.2}
    known = [word if word in one else "<unk>" for word in said]
    pairs = itertools.pairwise(["<s>", *known, "</s>"])
    return sum(two.get(pair, back.get(pair[0], 0.0) + one[pair[1]]) for pair in pairs)


def lexicon(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return str(path)


WORDS = ("ab AA B", "ba B AA", "a AA", "a AA SIL", "aa AA AA", "ah AA", "sil SIL")


def log_probability(log_probs, symbols):
    """Of a sequence, by all of its paths."""
    frames = log_probs.shape[1]
    values, said = log_probs.double().transpose(0, 1), torch.tensor([symbols], dtype=torch.int64)
    return -ctc_loss(values, said, [frames], [len(symbols)], reduction="sum").item()
