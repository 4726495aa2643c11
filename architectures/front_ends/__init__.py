"""Front ends: mel bands, cepstral coefficients, constant-Q transforms, SpecAugment."""
