"""Networks that read spectrograms: deep salience, HCNN, voicing."""
