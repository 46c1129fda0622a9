"""The checks of the conformance kit, by group; importing this fills ``CHECKS``."""
