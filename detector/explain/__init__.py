"""The evidence as data and as a picture, for a person."""
