"""What people install: the built packages, away from the checkout."""
