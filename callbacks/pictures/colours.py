"""Colours that the colour-blind can tell apart."""

# Okabe and Ito, "Color Universal Design", 2008; yellow is left out, which fades on white.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

# What happened to a frame looks the same in every picture.
CORRECT = "#00A97C"
OCTAVE = "#F0A500"
WRONG = "#CC3311"
REFERENCE = "#161925"
