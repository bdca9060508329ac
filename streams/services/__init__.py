"""Use cases: what people and programs ask of an installation, one transaction each."""
