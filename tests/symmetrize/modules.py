"""Modules without symmetry, clouds, and the measure of what wrappers make of them."""

import torch

from torsor import Field, nn, symmetrize
from torsor import groups as G
from torsor import kernels as K
from torsor import reps as R
from torsor import spaces as S
from torsor.symmetrize import act

F64 = torch.float64


GRIDS = {
    "C4": G.Cyclic(4),
    "D4": G.Dihedral(4),
    "flip": G.Reflection(1),
    "O": G.Octahedral(),
    "Td": G.TetrahedralFull(),
}


def plain(d, inputs, outputs):
    torch.manual_seed(0)
    conv = {1: torch.nn.Conv1d, 2: torch.nn.Conv2d, 3: torch.nn.Conv3d}[d]
    first, second = conv(inputs, 5, 3, padding=1), conv(5, outputs, 3, padding=1)
    return torch.nn.Sequential(first, torch.nn.Tanh(), second).double()


def classifier(d, inputs, outputs):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(inputs * 3**d, outputs)).double()


class OnPoints(torch.nn.Module):
    """A map of clouds that looks at coordinates as they are: features -> features at every point, or one a cloud."""

    def __init__(self, rep, out, pool=False):
        super().__init__()
        torch.manual_seed(0)
        d = rep.group.dim
        self.first = torch.nn.Linear(d + rep.dim, 16).double()
        self.second = torch.nn.Linear(32, out.dim).double()
        self.out, self.pool = out, pool

    def forward(self, field):
        space = field.space
        x = torch.tanh(self.first(torch.cat([space.positions, field.tensor], 1)))
        mean = x.new_zeros(space.elements, 16).index_add(0, space.index, x) / space.sizes[:, None]
        y = self.second(torch.cat([x, mean[space.index]], 1))
        if self.pool:
            return y.new_zeros(space.elements, y.shape[1]).index_add(0, space.index, y)
        return Field(y, self.out, space)


def cloud(rep, seed=0, clouds=3, points=7):
    generator = torch.Generator().manual_seed(seed)
    kind = {"generator": generator, "dtype": F64}
    x = torch.randn(clouds * points, rep.group.dim, **kind)
    batch = torch.arange(clouds).repeat_interleave(points)
    return Field(torch.randn(clouds * points, rep.dim, **kind), rep, S.Points(x - _means(x, batch), batch))


def _means(x, batch):
    return (x.new_zeros(int(batch[-1]) + 1, x.shape[1]).index_add(0, batch, x) / batch.bincount()[:, None])[batch]


def difference(net, x, g):
    """‖N(g x) - g N(x)‖ / ‖N(x)‖."""
    left, right = net(act(net.in_rep, g, x)), act(net.out_rep, g, net(x))
    left, right = ((y.tensor if isinstance(y, Field) else y) for y in (left, right))
    return float(((left - right).norm() / right.norm()).detach())


def learnt(group, d=2):
    torch.manual_seed(3)
    regular = R.regular(group)
    layers = (
        nn.Conv(R.trivial(group), 2 * regular, K.Stencil(3)),
        nn.ReLU(2 * regular),
        nn.Conv(2 * regular, regular, K.Stencil(3)),
    )
    return symmetrize.Argmax(nn.Sequential(*layers).double())


def canonical_image_network(seed=0):
    SO2 = G.SO(2)
    torch.manual_seed(seed)
    return nn.Conv(R.trivial(SO2), R.standard(SO2), K.Harmonic(5), bias=False).double()


def blob(size=25):
    """A band-limited image without symmetry, inside the disk."""
    axis = torch.arange(size, dtype=F64) - (size - 1) / 2
    a, b = torch.meshgrid(axis, axis, indexing="ij")
    spots = [(3.0, 1.0, 1.0), (-4.0, 2.0, 0.6), (0.0, -4.0, 1.4)]
    return sum(w * torch.exp(-((a - p) ** 2 + (b - q) ** 2) / 8) for p, q, w in spots)[None, None]


def classifier_of(size):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(size**2, 1), torch.nn.Tanh()).double()
