"""Rules in YAML files for people: read, written, tried without a system, compared with one, explained."""
