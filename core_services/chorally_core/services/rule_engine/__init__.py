"""Rule-engine service: conditions on what happened, and what is done where they hold."""
