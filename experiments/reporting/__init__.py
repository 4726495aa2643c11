"""One self-contained page of a run, an evaluation or a comparison: to look at errors, and to hear them."""
