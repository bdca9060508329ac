"""Watermarks in the sound: one optional branch, with a detector for each kind of watermark."""
