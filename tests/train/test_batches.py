import pytest
import torch

from torsor.errors import DataError
from torsor.train import TensorData
from torsor.train.batches import EvalBatches, TrainBatches

PAIR = (torch.arange(50).float()[:, None], torch.arange(50))


def batches(step: int = 0, seed: int = 0, **settings) -> TrainBatches:
    loader = TrainBatches(PAIR, settings.pop("batch_size", 8), seed, **settings)
    loader.step = lambda: step
    return loader


def test_an_epoch_has_no_example_twice_and_its_own_order():
    epochs = [torch.cat([y for _, y in batches(step=6 * e)]) for e in range(3)]
    assert len(batches()) == 6
    assert all(len(epoch.unique()) == len(epoch) == 48 for epoch in epochs)
    assert not torch.equal(epochs[0], epochs[1])
    assert len(torch.cat(epochs).unique()) == 50  # what one epoch leaves out another has


def test_inputs_and_labels_stay_together():
    assert all(torch.equal(x[:, 0].long(), y) for x, y in batches())


def test_the_batch_of_a_step_depends_on_seed_and_step_alone():
    whole = [y for _, y in batches(step=6)]
    torch.manual_seed(77)
    for step in range(6, 12):
        rest = [y for _, y in batches(step=step)]
        assert len(rest) == 12 - step
        assert all(torch.equal(a, b) for a, b in zip(rest, whole[step - 6 :], strict=True))
    assert not torch.equal(next(iter(batches(step=6, seed=1)))[1], whole[0])


def test_processes_share_each_batch():
    parts = [list(batches(rank=r, world=3)) for r in range(3)]
    for k, (_, whole) in enumerate(batches()):
        union = torch.cat([part[k][1] for part in parts])
        assert torch.equal(union.sort()[0], whole.sort()[0])


def test_fewer_examples_than_a_batch():
    assert [len(y) for _, y in batches(batch_size=500)] == [50]
    with pytest.raises(DataError, match="at least 60 examples for 60 processes"):
        batches(batch_size=500, world=60)


def test_evaluation_sees_every_example_once():
    labels = torch.cat([y for r in range(3) for _, y in EvalBatches(PAIR, batch_size=7, rank=r, world=3)])
    assert torch.equal(labels.sort()[0], PAIR[1])
    loader = EvalBatches(PAIR, batch_size=7)
    assert len(loader) == len(list(loader)) == 8


@pytest.mark.parametrize("pair", [(PAIR[0], PAIR[1][:-1]), (PAIR[0][:0], PAIR[1][:0])])
def test_data_that_do_not_match(pair):
    with pytest.raises(DataError, match="train: expected as many labels as inputs"):
        TensorData(pair)
    with pytest.raises(DataError, match="validation"):
        TensorData(PAIR, pair)
