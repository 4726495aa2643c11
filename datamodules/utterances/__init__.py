"""From the index of a data set to batches of whole utterances, for clips and phones."""
