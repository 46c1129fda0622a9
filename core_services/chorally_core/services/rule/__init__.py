"""Rule service: automatic replies by the calendar."""
