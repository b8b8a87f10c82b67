"""Two processes on CPU (gloo, DistributedDataParallel) give the gradients of one."""

import os
import tempfile
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from torsor import groups as G
from torsor import kernels as K
from torsor import nn
from torsor import reps as R


def build() -> torch.nn.Module:
    torch.manual_seed(0)
    group = G.Dihedral(4)
    rep = R.regular(group)
    gated = nn.Gated(R.standard(group) + R.trivial(group))
    return nn.Sequential(
        nn.Conv(R.trivial(group), rep, K.Harmonic(3)),
        nn.ReLU(rep),
        nn.Conv(rep, gated.in_rep, K.Stencil(3)),
        gated,
        nn.NormPool(gated.out_rep),
    ).double()


def batch() -> torch.Tensor:
    return torch.randn(4, 1, 5, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    net = torch.nn.parallel.DistributedDataParallel(build())
    for step in range(2):
        net.zero_grad()
        net(batch()[2 * rank : 2 * rank + 2]).square().mean().backward()
        if step == 0:
            with torch.no_grad():
                for p in net.parameters():
                    p.sub_(0.1 * p.grad)
    torch.save([p.grad for p in net.parameters()], f"{folder}/{rank}.pt")
    dist.barrier()
    os._exit(0)  # the threads of gloo sometimes abort an interpreter that shuts down; all that matters is saved


@pytest.mark.skipif(not dist.is_available() or not dist.is_gloo_available(), reason="gloo is not built in")
def test_two_processes_give_the_gradients_of_one():
    with tempfile.TemporaryDirectory() as folder:
        mp.spawn(work, args=(folder,), nprocs=2)
        found = [torch.load(Path(folder) / f"{rank}.pt") for rank in range(2)]
    net = build()
    for step in range(2):
        net.zero_grad()
        net(batch()).square().mean().backward()
        if step == 0:
            with torch.no_grad():
                for p in net.parameters():
                    p.sub_(0.1 * p.grad)
    for a, b, p in zip(*found, net.parameters(), strict=True):
        assert torch.equal(a, b) and (a - p.grad).abs().max() < 1e-12 and a.abs().max() > 1e-6
