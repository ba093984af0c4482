"""The batches of a run: endless, and from any step on the same as if one had come that far."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightning.pytorch import LightningDataModule

from stratus.training.batches import BatchLoader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lightning.pytorch import Trainer
    from torch import Tensor

    from stratus.corpora.tokens.corpus import TokenCorpora, TokenCorpus
    from stratus.training.options import PretrainOptions
    from stratus.views.view import View


class EndlessBatches:
    """The batches of one epoch after another, from a step on.

    Args:
        loader: gives the batches of an epoch.
        first_step: steps that are done already.
    """

    def __init__(self, loader: BatchLoader, first_step: int) -> None:
        self._loader = loader
        self._first_step = first_step

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        """Give batches for ever."""
        epoch, batch = divmod(self._first_step, len(self._loader))
        while True:
            self._loader.load_state_dict({"epoch": epoch, "next_batch": batch})
            yield from self._loader
            epoch, batch = epoch + 1, 0


class MaskedBatches(LightningDataModule):
    """Makes the loaders of each process.

    Args:
        corpora: the three splits.
        view: how the encoder sees a crystal.
        options: of the run.
        first_step: steps that are done already.
    """

    def __init__(
        self, corpora: TokenCorpora, view: View, options: PretrainOptions, first_step: int
    ) -> None:
        super().__init__()
        self._corpora = corpora
        self.view = view
        self._options = options
        self.first_step = first_step

    def train_dataloader(self) -> EndlessBatches:
        """Return the training batches of this process."""
        trainer = self.trainer
        rank, world = (trainer.global_rank, trainer.world_size) if trainer else (0, 1)
        loader = self.loader(self._corpora.train, rank=rank, world=world, shuffle=True)
        return EndlessBatches(loader, self.first_step)

    def validation(self, trainer: Trainer) -> BatchLoader:
        """Return the validation batches of this process; their masks are always the same."""
        return self.loader(
            self._corpora.validation, rank=trainer.global_rank, world=trainer.world_size
        )

    def test(self) -> BatchLoader:
        """Return the test batches, all in one process; their masks are always the same."""
        return self.loader(self._corpora.test)

    def loader(
        self, corpus: TokenCorpus, *, rank: int = 0, world: int = 1, shuffle: bool = False
    ) -> BatchLoader:
        """Return the batches of a split."""
        return BatchLoader(
            corpus,
            self.view,
            self._options.batch_size,
            self._options.seed,
            rank=rank,
            world=world,
            masking=self._options.masking,
            shuffle=shuffle,
        )
