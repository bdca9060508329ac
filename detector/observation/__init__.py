"""What the detector reads, taken from the audio in one streaming pass."""
