"""Colours that the colour-blind can tell apart."""

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import ListedColormap

# Okabe and Ito, "Color Universal Design", 2008; yellow is left out, which fades on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

# What happened to a frame looks the same in every picture.
CORRECT = "#00A97C"
OCTAVE = "#F0A500"
WRONG = "#CC3311"
REFERENCE = "#161925"

# From few to many. Without its first, bright yellow, which is hard to see on white where a single cell stands alone.
SEQUENTIAL = ListedColormap(colormaps["viridis_r"](np.linspace(0.15, 1.0, 256)))
