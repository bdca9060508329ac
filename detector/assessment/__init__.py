"""A released model, and the answer that it gives to one recording."""
