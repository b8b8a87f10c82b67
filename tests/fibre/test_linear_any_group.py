"""Linear layers between representations that no inner product makes orthogonal: boosts, shears, squeezes."""

import copy

import pytest
import torch

from torsor import groups as G
from torsor import nn
from torsor import reps as R
from torsor.errors import KernelError

pytestmark = pytest.mark.filterwarnings("ignore::torsor.errors.BottleneckWarning")

LORENTZ = G.O(1, 3)


def mixed(group: G.Group) -> R.Representation:
    """Scalars, vectors, covectors and tensors of order two."""
    return (
        3 * R.trivial(group)
        + 2 * R.standard(group)
        + R.standard(group).dual()
        + 2 * R.tensor(group, 2)
        + R.tensor(group, 1, 1)
    )


GROUPS = [LORENTZ, G.SO(1, 3), G.SO0(1, 2), G.Orthochronous(1, 3), G.SO(2, 2), G.SL(2), G.SL(3), G.GL(2), G.Sp(4)]
GROUPS += [G.SU(2), G.Symmetric(5), G.SO(1, 1)]


@torch.no_grad()
def worst(layer: nn.Linear, dtype: torch.dtype, scale: float = 0.3) -> float:
    """|f(ρx) - ρ f(x)| relative to |ρ f(x)|, the worst of eight elements, channel types of size one."""
    generator = torch.Generator().manual_seed(0)
    group = layer.in_rep.group
    g = group.sample(8, generator, scale=None if group.is_finite else scale).to(dtype)
    x = torch.randn(8, layer.in_rep.dim, dtype=dtype, generator=generator)
    moved = torch.einsum("nij,nj->ni", layer.in_rep.rho(g), x)
    expected = torch.einsum("nij,nj->ni", layer.out_rep.rho(g), layer(x))
    return float(((layer(moved) - expected).norm(dim=1) / expected.norm(dim=1)).max())


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_commutes_with_moderate_elements(group):
    torch.manual_seed(0)
    layer = nn.Linear(mixed(group), mixed(group), dtype=torch.float64)
    if layer.bias is not None:
        torch.nn.init.normal_(layer.bias)
    assert layer.weight.numel() > 10
    assert worst(layer, torch.float64) < 1e-12
    assert worst(layer.to(torch.float32), torch.float32) < 1e-5


def test_lorentz_boosts_up_to_rapidity_two():
    """The relative error stays at rounding: the growth with rapidity is that of the numbers themselves."""
    torch.manual_seed(0)
    layer = nn.Linear(mixed(LORENTZ), mixed(LORENTZ), dtype=torch.float64)
    boost = LORENTZ.algebra[torch.tensor([abs(float(a[0].abs().sum())) > 0 for a in LORENTZ.algebra])][0]
    x = torch.randn(4, layer.in_rep.dim, dtype=torch.float64)
    for rapidity in (0.5, 1.0, 2.0):
        g = LORENTZ.exp(rapidity * boost)
        expected = layer(x) @ layer.out_rep.rho(g).T
        assert (layer(x @ layer.in_rep.rho(g).T) - expected).norm() < 1e-13 * expected.norm()


@pytest.mark.parametrize("group", [LORENTZ, G.SL(2), G.Sp(4)], ids=str)
def test_initialisation_keeps_the_variance(group):
    """White input of unit variance gives outputs of unit variance, averaged over the channels of every field."""
    torch.manual_seed(0)
    rep = 6 * R.tensor(group, 2) + 8 * R.tensor(group, 1, 1)
    x = torch.randn(64, rep.dim)
    squares = torch.stack([nn.Linear(rep, rep, bias=False)(x).square().mean() for _ in range(20)])
    assert 0.85 < squares.mean() < 1.15


def test_tensors_of_order_four():
    """105 maps between 256 × 256 components, shared by all pairs of fields."""
    torch.manual_seed(0)
    layer = nn.Linear(2 * R.tensor(LORENTZ, 4) + R.tensor(LORENTZ, 2), R.tensor(LORENTZ, 4) + R.trivial(LORENTZ))
    assert layer.weight.numel() == 2 * 105 + 15 + 2 * 3 + 1
    assert worst(layer.to(torch.float64), torch.float64, 0.2) < 1e-12


def test_state_freeze_and_copies():
    torch.manual_seed(0)
    layer = nn.Linear(mixed(LORENTZ), mixed(LORENTZ))
    assert set(layer.state_dict()) == {"kernel.weight", "bias"}
    twin, x = copy.deepcopy(layer), torch.randn(5, layer.in_rep.dim)
    other = nn.Linear(mixed(LORENTZ), mixed(LORENTZ))
    other.load_state_dict(layer.state_dict())
    for same in (twin, other, layer.freeze()):
        assert (same(x) - layer(x)).abs().max() < 1e-6


def test_types_without_a_common_path():
    with pytest.raises(KernelError, match="no equivariant map"):
        nn.Linear(R.standard(LORENTZ), R.tensor(LORENTZ, 2))
    with pytest.raises(KernelError, match="no equivariant map"):
        nn.Linear(R.standard(G.SL(3)), R.standard(G.SL(3)).dual())
