"""Augmentation draws in training, one element a sample, and its mean is the average."""

import torch

from tests.symmetrize.modules import F64, cloud, plain
from torsor import groups as G
from torsor import reps as R
from torsor import symmetrize


def test_augment_draws_in_training_only():
    C4 = G.Cyclic(4)
    one, module = R.trivial(C4), plain(2, 1, 1)
    x = torch.randn(64, 1, 5, 5, dtype=F64)
    net = symmetrize.Augment(module, one, one, generator=torch.Generator().manual_seed(0))
    assert torch.equal(net.eval()(x), module(x))
    draws = torch.stack([net.train()(x) for _ in range(200)]).mean(0)
    average = symmetrize.GroupAverage(module, one, one)(x)
    assert (draws - average).norm() < 0.15 * (module(x) - average).norm()
    a, b = net.augment(x, x)
    assert torch.equal(a, b) and not torch.equal(a, x)


def test_augment_turns_every_cloud_by_itself():
    rep = R.standard(G.SO(3))
    f = cloud(rep)
    net = symmetrize.Augment(torch.nn.Identity(), rep, rep, generator=torch.Generator().manual_seed(0))
    moved, _ = net.augment(f, f)
    assert torch.allclose(moved.tensor.norm(dim=1), f.tensor.norm(dim=1))
    assert torch.allclose(net(f).tensor, f.tensor, atol=1e-12)


def test_augment_turns_segmentations_and_leaves_classes():
    C4, one = G.Cyclic(4), R.trivial(G.Cyclic(4))
    net = symmetrize.Augment(plain(2, 1, 1), one, one, generator=torch.Generator().manual_seed(0))
    x = torch.randint(0, 5, (16, 1, 5, 5))
    moved, segmentation = net.augment(x.double(), x[:, 0])
    assert segmentation.dtype == torch.int64 and torch.equal(moved[:, 0].long(), segmentation)
    assert not torch.equal(segmentation, x[:, 0])
    labels = torch.arange(16)
    assert torch.equal(net.augment(x.double(), labels)[1], labels)
    assert {tuple(g.flatten().long().tolist()) for g in net.draw(x)} <= {
        tuple(g.flatten().long().tolist()) for g in C4.elements().round()
    }
