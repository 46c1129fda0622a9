"""Runs handlers: loads, decides, commits; alone owns retries, positions, parking and duplicates."""

from chorally_core.ports.parking import DeadLetter, Parked
from chorally_core.runner.actions import Actions
from chorally_core.runner.in_order import InOrder
from chorally_core.runner.pump import Pump, Stage
from chorally_core.runner.relay import Relay
from chorally_core.runner.runner import Runner

__all__ = ["Actions", "DeadLetter", "InOrder", "Parked", "Pump", "Relay", "Runner", "Stage"]
