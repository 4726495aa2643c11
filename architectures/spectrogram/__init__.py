"""Networks that read constant-Q spectrograms: deep salience, HCNN, voicing."""
