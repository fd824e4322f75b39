"""Celery as this house uses it: a wake-up for a queue, with a job's id, JSON only, no results, no retries of its own.

Loss and repetition of messages are the ledger's to mend, so early acknowledgement is right and time limits are ours.
"""

import logging
import threading
from typing import Self

from celery import Celery, uuid


def make_celery(redis_url: str) -> Celery:
    """The app that the orchestrator sends with and the workers consume with."""
    app = Celery("diptych", broker=redis_url, backend=None)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_disable_rate_limits=True,
        worker_send_task_events=False,  # whoever watches, as Flower does, has workers send them while it does
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "socket_timeout": 15,
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
        },
    )
    for name in ("celery.worker.strategy", "celery.app.trace"):  # two lines for each wake-up, which say nothing of jobs
        logging.getLogger(name).setLevel(logging.WARNING)
    return app


class Sender:
    """Puts messages straight on queues' lists, from any thread, one after the other. Use as a context.

    It holds a connection of its own. `Celery.send_task` takes twice as long, for it routes, declares the queue and its
    exchange, and makes a result; and what it takes from Celery's pools is never closed, but left to the garbage
    collector.
    """

    def __init__(self, app: Celery) -> None:
        self._app, self._turn = app, threading.Lock()
        self._connection = app.connection_for_write()
        self._connection.transport_options |= {"max_retries": 0}  # kombu would try for six seconds
        self._producer = app.amqp.Producer(self._connection, auto_declare=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._turn:
            self._connection.release()
        self._app.close()

    def send(self, task: str, queue: str, argument: str) -> None:
        """One message. Blocks; raises what the broker's client raises, at once where Redis is away, for the reconciler
        repeats it."""
        message = self._app.amqp.as_task_v2(uuid(), task, args=(argument,), ignore_result=True)
        with self._turn:
            self._producer.publish(
                message.body,
                exchange="",
                routing_key=queue,
                serializer=self._app.conf.task_serializer,
                headers=message.headers,
                **message.properties,
            )
