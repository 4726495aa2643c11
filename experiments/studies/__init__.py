"""Studies: published findings, each tested by runs with several seeds and judged by a rule that is written first."""
