"""From CTC's posteriors to symbols."""
