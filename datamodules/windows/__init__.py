"""From the index of a data set to batches of windows of labelled frames, for melody."""
