"""ConvLSTM: convolutions and LSTMs for phoneme recognition."""
