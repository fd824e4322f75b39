"""Celery as this house uses it: a wake-up for a queue, with a job's id, JSON only, no results, no retries of its own.

Loss and repetition of messages are the ledger's to mend, so early acknowledgement is right and time limits are ours.
"""

import logging

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


def send_task(app: Celery, task: str, queue: str, argument: str) -> None:
    """One message straight on a queue's list. Blocks; raises what the broker's client raises, at once where Redis is
    away, for the reconciler repeats it.

    `Celery.send_task` takes twice as long: it routes, declares the queue and its exchange, and makes a result.
    """
    message = app.amqp.as_task_v2(uuid(), task, args=(argument,), ignore_result=True)
    with app.producer_pool.acquire(block=True) as producer:
        producer.publish(
            message.body,
            exchange="",
            routing_key=queue,
            serializer=app.conf.task_serializer,
            headers=message.headers,
            **message.properties,
        )
