"""Edit distance, phoneme error rate, folding."""
