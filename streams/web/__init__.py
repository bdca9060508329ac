"""What people and programs reach by HTTP: the API under ``/v1`` and the console."""
