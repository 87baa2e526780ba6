"""The processes that torchrun starts, each of which embeds a shard."""

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import NoReturn, Self

from datrnet.core.errors import DatrnetError, requirement
from datrnet.core.indexing.shards import Shard

LONGEST_WAIT = timedelta(days=7)
"""How long processes wait for each other; one that dies is noticed at once."""


class Ranks:
    """The processes of a command, each with a shard; they wait for each other."""

    def __init__(self, rank: int, count: int) -> None:
        """Take part as one of several processes; see ``of_torchrun``."""
        self.is_first = rank == 0
        self.shard = Shard(rank + 1, count)

    @classmethod
    def of_torchrun(cls) -> Self | None:
        """Return the processes that torchrun started with this one; None if it started none."""
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            return None
        return cls(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))

    @contextmanager
    def together(self) -> Iterator[None]:
        """Wait at the end of the block until all processes have reached it.

        Raises:
            DatrnetError: Another process died. This one says so, also when torchrun ends it.
            MissingPackageError: The extra ``train`` is not installed.
        """
        with requirement("Embedding pictures needs"):
            import torch
            from torch import distributed

        def ended(*_: object) -> NoReturn:
            raise self._left_alone("Another process")

        before = signal.signal(signal.SIGTERM, ended)
        if torch.cuda.is_available():
            local = int(os.environ.get("LOCAL_RANK", "0"))
            torch.cuda.set_device(local % torch.cuda.device_count())
        distributed.init_process_group("gloo", timeout=LONGEST_WAIT)
        try:
            yield
            try:
                distributed.monitored_barrier(timeout=LONGEST_WAIT)
            except RuntimeError as error:  # a connection was closed
                found = re.search(r"Ranks? (\d+) failed", str(error))
                who = f"Process {int(found[1]) + 1}" if found else "Another process"
                raise self._left_alone(who) from error
        finally:
            signal.signal(signal.SIGTERM, before)
            with suppress(RuntimeError):
                distributed.destroy_process_group()

    def _left_alone(self, who: str) -> DatrnetError:
        return DatrnetError(
            f"{who} of {self.shard.count} ended before it had embedded its share; the index is as "
            "it was.",
            hint="Its own message tells why. Run the same command again: it goes on from there.",
        )
