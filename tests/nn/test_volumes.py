"""Networks of the cubic groups on volumes commute with every element to rounding, gradients included."""

import pytest
import torch

from torsor import Field, nn
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R

pytestmark = pytest.mark.filterwarnings("ignore:bottleneck")

OCTAHEDRAL = G.Octahedral()
GROUPS = [
    OCTAHEDRAL,
    OCTAHEDRAL.with_inversion(),
    G.TetrahedralFull(),
    G.Axial(G.Dihedral(4)),
    G.Axial(G.Cyclic(4), rotation=-1),
]


def network(group: G.Group) -> nn.Sequential:
    """Types of every kind: scalars, vectors, pseudoscalars, tensors, functions on the group or its cosets."""
    torch.manual_seed(0)
    small = group.order is not None and group.order <= 24
    functions = R.regular(group) if small else R.quotient(group, G.Axial(G.Dihedral(4)))
    vectors = R.trivial(group) + 2 * R.standard(group)
    middle = functions + R.trivial(group)
    mixed = R.sign(group) + R.symmetric(group, 2) + R.standard(group)
    layers = [
        nn.Conv(vectors, middle, K.Stencil(3), dtype=torch.float64),
        nn.ReLU(middle),
        nn.MaxPool(middle, 3, stride=2),
        nn.Conv(middle, mixed, K.Stencil(3), dtype=torch.float64),
        nn.Norm(mixed, dtype=torch.float64),
        nn.Conv(mixed, vectors, K.Stencil(3), stride=2, dtype=torch.float64),
    ]
    net = nn.Sequential(*layers)
    with torch.no_grad():
        for p in net.parameters():
            p += 0.1 * torch.randn_like(p)
    return net


def run(net: nn.Sequential, x: torch.Tensor, slope: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    x = x.detach().requires_grad_()
    y = net(x)
    into, *parameters = torch.autograd.grad((y * slope).sum(), [x, *net.parameters()])
    return y.detach(), into, torch.cat([p.flatten() for p in parameters])


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_every_element(group):
    net, generator = network(group), torch.Generator().manual_seed(1)
    x = torch.randn(1, net.in_rep.dim, 11, 11, 11, generator=generator, dtype=torch.float64)
    slope = torch.randn(net(x).shape, generator=generator, dtype=torch.float64)
    y, into, parameters = run(net, x, slope)
    assert y.std() > 1e-2

    def move(tensor: torch.Tensor, rep: R.Representation, g: torch.Tensor) -> torch.Tensor:
        return Field(tensor, rep).transform(g).tensor

    for g in group.elements()[:: max(1, group.order // 12)]:
        there = run(net, move(x, net.in_rep, g), move(slope, net.out_rep, g))
        for a, b in zip(there, (move(y, net.out_rep, g), move(into, net.in_rep, g), parameters), strict=True):
            assert (a - b).norm() < 1e-12 * b.norm()
    mirror = torch.diag(torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64))
    if not group.contains(mirror):
        full = 2 * R.standard(G.O(3))
        moved = torch.cat([x[:, :1], torch.einsum("ij,bj...->bi...", full.rho(mirror), x[:, 1:])], 1).flip(-1)
        assert (run(net, moved, slope)[0][:, 0] - y[:, 0].flip(-1)).norm() > 1e-2 * y[:, 0].norm()
