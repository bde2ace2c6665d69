"""The operator's process: leader election, watches by kopf, workers, health, metrics."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import kopf

from poseline.api_server import connect
from poseline.config.loading.settings_file import read_settings
from poseline.errors import ConfigError, Problem
from poseline.kubeflow.allowlist import AllowList
from poseline.kubeflow.platform import Platform
from poseline.log import get_logger
from poseline.operator import pipeline_publisher
from poseline.operator.api.kinds import EXPERIMENT, GROUP, SCHEDULE, SCHEDULE_LABEL, VERSION
from poseline.operator.experiments.context import Context
from poseline.operator.experiments.reconciler import ExperimentReconciler
from poseline.operator.experiments.runs import Runs
from poseline.operator.permission import Permission
from poseline.operator.runtime import cluster, http, metrics
from poseline.operator.runtime.leader_election import Election
from poseline.operator.runtime.queue import Key, Queue
from poseline.operator.runtime.workers import Workers
from poseline.operator.schedules import declared
from poseline.operator.schedules.reconciler import ScheduleReconciler
from poseline.operator.settings import Settings

_LEAVE_S = 20.0  # for reconciliations under way; a pod has 30 s to end
_SETTLES = 6
_log = get_logger(__name__)


def run(settings: Settings) -> int:
    """Run a replica of the operator until it is asked to end.

    Args:
        settings: All it depends on.

    Returns:
        The exit code: 0 after SIGTERM or SIGINT, 1 where the Lease was lost.

    Raises:
        ConfigError: A setting or the platform's file is wrong.
        BackendError: No API server is known.
    """
    settings = _checked(settings)
    platform = (
        read_settings(settings.platform_file, Platform) if settings.platform_file else Platform()
    )
    allow = read_settings(settings.allow_file, AllowList) if settings.allow_file else AllowList()
    connect()
    return asyncio.run(_Process(settings, platform, allow).main())


class _Process:
    """What a replica consists of."""

    def __init__(self, settings: Settings, platform: Platform, allow: AllowList) -> None:
        self._settings = settings
        self._code = 0
        self._end = asyncio.Event()
        # Each thread that calls has its own connections: urllib3's pool is shared safely.
        self._cluster = cluster.Cluster(instance=settings.identity)
        self._queue = Queue()
        self._election = Election(
            cluster.Cluster(instance=settings.identity),
            settings.own_namespace,
            settings.identity,
            settings.lease_seconds,
            self._lost,
        )
        leads = self._election.leads if settings.leader_election else lambda: True
        self._platform = platform
        experiments = ExperimentReconciler(Context(self._cluster, settings, platform, leads, allow))
        schedules = ScheduleReconciler(
            self._cluster, leads, Permission(platform, allow), settings.datasets_folder
        )
        reconcilers = {
            EXPERIMENT.name: experiments.reconcile,
            SCHEDULE.name: schedules.reconcile,
        }
        self._workers = Workers(self._queue, reconcilers, settings.workers)
        self._watching, self._ended = threading.Event(), threading.Event()

    async def main(self) -> int:
        loop = asyncio.get_running_loop()
        self._loop = loop
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end.set)
        end_web = http.serve(self._settings.listen, self._workers.fault, self._unready)
        if self._settings.leader_election:
            self._election.start()
            while not self._election.elected.is_set() and not self._end.is_set():
                await asyncio.wait([asyncio.create_task(self._end.wait())], timeout=0.1)
        if not self._end.is_set():
            metrics.LEADER.set(1)
            await self._lead()
        metrics.LEADER.set(0)
        self._ended.set()
        self._queue.close()
        await asyncio.to_thread(self._workers_left)
        end_web()
        return self._code

    async def _lead(self) -> None:
        settings = self._settings
        if settings.schedules_file:
            wanted = declared.read(settings.schedules_file)
            await asyncio.to_thread(declared.apply, self._cluster, wanted, settings.own_namespace)
        self._workers.start()
        if settings.publish_pipelines and settings.pipelines:
            profile = settings.kubeflow_namespace.replace("*", "")  # shared by all profiles
            arguments = (Runs(settings, profile), self._platform, settings.pipelines, self._ended)
            threading.Thread(target=pipeline_publisher.publish, args=arguments, daemon=True).start()
        ready = asyncio.Event()
        watch = asyncio.create_task(_watch(settings, self._queue, ready, self._end))
        waiting = asyncio.create_task(ready.wait())
        await asyncio.wait([watch, waiting], return_when=asyncio.FIRST_COMPLETED)
        self._watching.set()
        await watch
        self._watching.clear()

    def _workers_left(self) -> None:
        self._workers.join(_LEAVE_S)
        if self._settings.leader_election and not self._code:
            self._election.close()

    def _unready(self) -> str:
        """A replica that waits for the Lease, and sees it, is ready to take over."""
        if self._settings.leader_election and not self._election.sees():
            return "the API server does not answer"
        leads = not self._settings.leader_election or self._election.elected.is_set()
        return "the watches do not run yet" if leads and not self._watching.is_set() else ""

    def _lost(self) -> None:
        self._code = 1
        self._loop.call_soon_threadsafe(self._end.set)


async def _watch(
    settings: Settings, queue: Queue, ready: asyncio.Event, end: asyncio.Event
) -> None:
    """Put what changes into the queue; kopf keeps the watches up."""
    registry = kopf.OperatorRegistry()
    _quiet()

    @kopf.on.startup(registry=registry)
    def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        settings.scanning.disabled = True  # neither namespaces nor definitions need be readable
        settings.posting.enabled = False
        settings.watching.server_timeout = 300
        settings.watching.client_timeout = 330
        settings.watching.connect_timeout = 10

    @kopf.on.login(registry=registry)
    def login(**options: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_via_client(**options)

    @kopf.on.event(GROUP, VERSION, EXPERIMENT.plural, registry=registry)
    async def experiment(meta: kopf.Meta, **_: Any) -> None:
        _add(queue, EXPERIMENT.name, meta)
        if schedule := meta.get("labels", {}).get(SCHEDULE_LABEL):
            queue.add(Key(SCHEDULE.name, str(meta["namespace"]), schedule))

    @kopf.on.event(GROUP, VERSION, SCHEDULE.plural, registry=registry)
    async def schedule(meta: kopf.Meta, **_: Any) -> None:
        _add(queue, SCHEDULE.name, meta)

    await kopf.operator(
        registry=registry,
        settings=kopf.OperatorSettings(),
        clusterwide=not settings.namespaces,
        namespaces=settings.namespaces,
        standalone=True,
        ready_flag=ready,
        stop_flag=end,
    )


def _add(queue: Queue, kind: str, meta: kopf.Meta) -> None:
    queue.add(Key(kind, str(meta["namespace"]), str(meta["name"])))


def _quiet() -> None:
    """Let kopf say what goes wrong alone, in our own form."""
    logger = logging.getLogger("kopf")
    logger.handlers[:] = [_Handler(logging.WARNING)]
    logger.propagate = False


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _log.warning("kopf", message=record.getMessage(), level=record.levelname.lower())


def _checked(settings: Settings) -> Settings:
    problems = []
    if settings.settle_seconds < _SETTLES * settings.kubeflow_timeout:
        found = f"{settings.settle_seconds:g} with kubeflow-timeout {settings.kubeflow_timeout:g}"
        problems.append(Problem("settle-seconds", found, "six times kubeflow-timeout, or more"))
    pipelines = settings.pipelines or _installed()
    if pipelines is None or not any(pipelines.glob("chain_*.yaml")):
        found = f"no chain_*.yaml in {pipelines}"
        problems.append(Problem("pipelines", found, "a folder with compiled pipelines"))
    if not settings.listen.rpartition(":")[2].isdigit():
        problems.append(Problem("listen", repr(settings.listen), "address:port"))
    if problems:
        raise ConfigError(problems, "the operator's settings")
    identity = settings.identity or f"{os.uname().nodename}-{os.getpid()}"
    return replace(settings, identity=identity, pipelines=pipelines)


def _installed() -> Path | None:
    """Return the folder of the pipelines that are installed with the library."""
    found = importlib.util.find_spec("poseline_kfp.pipelines")
    places = found.submodule_search_locations if found else None
    return Path(next(iter(places))) / "compiled" if places else None
