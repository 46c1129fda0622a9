"""Figures of jobs for Prometheus."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from chorally_core.runner.jobs_worker import Worker


class JobFigures(Collector):
    """Collects what the worker of this process counted."""

    def __init__(self, registry: CollectorRegistry, worker: Worker) -> None:
        self._worker = worker
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Return the figures as they are now."""
        store = self._worker.hands.store
        ended = CounterMetricFamily(
            "chorally_jobs", "Runs of jobs in this process, by kind and what became of them", labels=["name", "outcome"]
        )
        for (name, outcome), count in sorted(store.counts.items()):
            ended.add_metric([name, outcome], count)
        running = GaugeMetricFamily("chorally_running_jobs", "Jobs that this process runs", labels=["name"])
        held = Counter(run.job.name for run in self._worker.hands.running.values())
        waiting = GaugeMetricFamily("chorally_queued_jobs", "Jobs that wait, of all processes", labels=["name"])
        for name in sorted(store.kinds):
            running.add_metric([name], held[name])
            waiting.add_metric([name], self._worker.waiting[name])
        yield from (ended, running, waiting)
