"""What rooms, microphones, coders and other sounds do to audio: pure functions on arrays."""
