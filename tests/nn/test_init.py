"""He's initialisation keeps mean squares through a nonlinearity; delta-orthogonal convolutions keep norms exactly."""

import pytest
import torch

from tests.fibre.action import C4, C8, D4, MIRROR, O2, SO2, randomise, types
from torsor import kernels as K
from torsor import models, nn
from torsor import reps as R
from torsor.errors import ConfigError


@pytest.mark.parametrize("rep", ["trivial", "regular", "quotient"])
@pytest.mark.parametrize("group", [C4, D4, C8], ids=str)
@pytest.mark.parametrize("layer", ["harmonic", "linear"])
def test_he_keeps_the_mean_square_through_relu(layer, group, rep):
    """White input of mean square 1: so is the output after ReLU, where the default initialisation halves it."""
    term = types(group)[rep].terms[0][1]
    rep = (96 // term.dim) * term
    layer = nn.Conv(rep, rep, K.Harmonic(3), padding=0) if layer == "harmonic" else nn.Linear(rep, rep)
    x = torch.randn(8, rep.dim, 10, 10)
    assert 0.4 < float(layer(x).detach().relu().square().mean()) < 0.6
    nn.init.he_(randomise(layer))
    assert 0.8 < float(layer(x).detach().relu().square().mean()) < 1.2


@pytest.mark.parametrize("group", [C4, D4], ids=str)
def test_he_in_deep_networks(group):
    """Six layers of complete stencils, mean of six networks: nothing grows or falls; the default halves each time."""
    rep, ratios = (160 // group.order) * R.regular(group), {"he": [], "default": []}
    for kind in ["he", "default"] * 6:
        x, found = torch.randn(2, rep.dim, 6, 6), []
        for _ in range(6):
            conv = nn.Conv(rep, rep, K.Stencil(3), padding_mode="circular")
            if kind == "he":
                nn.init.he_(conv)
            x = conv(x).detach().relu()
            found.append(float(x.square().mean()))
        ratios[kind].append(found[-1] / found[0])
    means = {kind: sum(values) / 6 for kind, values in ratios.items()}
    assert 0.4 < means["he"] < 2 and means["default"] < 0.06, ratios


@pytest.mark.parametrize(
    ("name", "function", "low", "high"),
    [
        ("relu", torch.relu, 0.85, 1.15),
        ("linear", lambda x: x, 0.85, 1.15),
        ("tanh", None, 2.3, 3.3),
        ("elu", None, 0.85, 1.15),
    ],
)
def test_gain(name, function, low, high):
    rep = 40 * R.regular(D4)
    conv = nn.init.he_(nn.Conv(rep, rep, K.Harmonic(3), padding=0), name)
    y = conv(torch.randn(4, rep.dim, 8, 8)).detach()
    y = y if function is None else function(y)
    assert low < float(y.square().mean()) < high


def test_he_acts_on_all_steerable_layers_and_no_other():
    net = randomise(models.digits_net("C4", width=0.3))
    before = {k: v.clone() for k, v in net.state_dict().items()}
    assert nn.init.he_(net) is net
    for key, value in net.state_dict().items():
        assert torch.equal(value, before[key]) != key.endswith("kernel.weight"), key
    linear = randomise(nn.Linear(R.regular(C4), R.regular(C4)))
    assert not nn.init.he_(linear).bias.any()
    transposed = randomise(nn.ConvTranspose(R.regular(C4), R.regular(C4), K.Stencil(3)))
    assert not nn.init.he_(transposed).bias.any()
    with pytest.raises(ConfigError, match="linear, relu, elu, tanh, sigmoid, got 'selu'"):
        nn.init.he_(linear, "selu")


SQUARE = [
    3 * R.regular(C4),
    2 * R.regular(D4) + 2 * R.standard(D4) + R.trivial(D4) + R.sign(D4),
    R.quotient(D4, MIRROR) + 2 * R.regular(D4),
    2 * R.standard(C4) + R.regular(C4),
]


@pytest.mark.parametrize("rep", SQUARE, ids=str)
@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.filterwarnings("ignore::torsor.errors.BottleneckWarning")
def test_delta_orthogonal_stencils(rep, size):
    """An orthogonal matrix at the centre, zero elsewhere: norms are kept exactly, at every pixel."""
    conv = randomise(nn.Conv(rep, rep, K.Stencil(size), dtype=torch.float64))
    assert nn.init.delta_orthogonal_(conv) is conv
    kernel, centre = conv.kernel.stencil().detach().clone(), size // 2
    matrix = kernel[:, :, centre, centre].clone()
    assert (matrix @ matrix.T - torch.eye(rep.dim)).abs().max() < 1e-12
    kernel[:, :, centre, centre] = 0
    assert kernel.abs().max() < 1e-12 and not (conv.bias is not None and conv.bias.any())
    x = torch.randn(2, rep.dim, 6, 6, dtype=torch.float64)
    assert (conv(x).square().sum(1) - x.square().sum(1)).abs().max() < 1e-10
    assert rep.dim < 2 or (matrix - torch.eye(rep.dim)).abs().max() > 0.1  # random, not the identity
    nn.init.delta_orthogonal_(conv, gain=2.0)
    assert (conv(x).square().sum(1) - 4 * x.square().sum(1)).abs().max() < 1e-9


def test_delta_orthogonal_of_unequal_widths():
    """More fields out than in: norms are kept; fewer: the transposed map keeps them."""
    small, large = 2 * R.regular(C4), 5 * R.regular(C4)
    x = torch.randn(2, small.dim, 4, 4, dtype=torch.float64)
    conv = nn.init.delta_orthogonal_(nn.Conv(small, large, K.Stencil(3), dtype=torch.float64))
    assert (conv(x).square().sum(1) - x.square().sum(1)).abs().max() < 1e-10
    conv = nn.init.delta_orthogonal_(nn.Conv(large, small, K.Stencil(3), dtype=torch.float64))
    matrix = conv.kernel.stencil()[:, :, 1, 1]
    assert (matrix @ matrix.T - torch.eye(small.dim)).abs().max() < 1e-12


def test_delta_orthogonal_with_groups():
    rep = 4 * R.regular(C4)
    conv = nn.init.delta_orthogonal_(nn.Conv(rep, rep, K.Stencil(3), groups=2, dtype=torch.float64))
    x = torch.randn(2, rep.dim, 4, 4, dtype=torch.float64)
    for half in (slice(0, 8), slice(8, 16)):
        assert (conv(x)[:, half].square().sum(1) - x[:, half].square().sum(1)).abs().max() < 1e-10


def test_delta_orthogonal_is_reproducible():
    def draw(seed):
        conv = nn.Conv(3 * R.regular(C4), 3 * R.regular(C4), K.Stencil(3))
        return nn.init.delta_orthogonal_(conv, generator=torch.Generator().manual_seed(seed)).weight

    assert torch.equal(draw(1), draw(1)) and not torch.equal(draw(1), draw(2))


@pytest.mark.parametrize("group", [SO2, O2, C8], ids=str)
def test_delta_orthogonal_harmonics_are_peaked_and_diagonal(group):
    """The closest kernel to the delta: its centre dominates, its energy is that of an orthogonal map."""
    rep = 3 * R.regular(group, None if group.is_finite else 2)
    conv = nn.init.delta_orthogonal_(nn.Conv(rep, rep, K.Harmonic(3), dtype=torch.float64))
    kernel = conv.kernel.stencil()
    energy = kernel.square().sum((0, 1)).detach()
    assert energy[1, 1] > 0.5 * energy.sum() and abs(float(energy.sum()) / rep.dim - 1) < 1e-9
