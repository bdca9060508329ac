"""What a model is worth: held-out generators and origins, robustness, release gates."""
