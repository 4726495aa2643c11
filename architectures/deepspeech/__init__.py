"""DeepSpeech 2's convolutions under recurrent layers or a Transformer."""
