"""Author service: people as the platforms show them, never merged."""
