"""From audio to what networks read: mel bands, cepstra, constant-Q transforms, SpecAugment."""
