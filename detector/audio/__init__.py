"""Bytes to samples, frames, spectra and the acoustic fingerprint; one pass, constant memory."""
