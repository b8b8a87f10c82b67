"""Every layer commutes with every lattice element: outputs and all gradients, float64, to rounding."""

import pytest
import torch

from tests.fibre.action import (
    ALONE,
    C4,
    C8,
    CASES,
    CUBE,
    D4,
    D8,
    GROUPS,
    IDS,
    LINE,
    MIRROR,
    O2,
    SO2,
    SO3,
    errors,
    lattice,
    move,
    randomise,
    types,
    worst,
)
from tests.nn.zoo import LAYERS, build
from torsor import kernels as K
from torsor import nn
from torsor import reps as R

pytestmark = pytest.mark.filterwarnings(
    "ignore::torsor.errors.BottleneckWarning", "error::torsor.errors.SymmetryWarning"
)
RANDOM = {"FieldDropout", "ChannelDropout"}
EXACT = 1e-12


def test_the_oracle_moves_pixels_as_torch_does():
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64)
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    assert torch.equal(move(x, turn), torch.rot90(x, 1, (-2, -1)))
    assert torch.equal(move(x, torch.diag(torch.tensor([1.0, -1.0]))), x.flip(-1))
    assert [len(lattice(g)) for g in (*GROUPS, CUBE, SO3)] == [4, 8, 4, 8, 4, 8, 2, 2, 1, 24, 24]


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_layers(name, mode):
    if name in RANDOM and mode == "train":
        pytest.skip("a random mask: its distribution is equivariant, see tests/fibre/test_dropout.py")
    layer = randomise(build(name)).train(mode == "train")
    assert worst(layer, LAYERS[name][1]) < EXACT


@pytest.mark.parametrize(("group", "name"), CASES, ids=IDS)
@pytest.mark.parametrize("family", ["harmonic", "stencil"])
def test_convolutions_of_all_types(group, name, family):
    if family == "stencil" and group in (C8, D8, SO2, O2):
        pytest.skip("no symmetry of the square lattice")
    kernel = K.Harmonic(3) if family == "harmonic" else K.Stencil(3)
    rep, other = types(group)[name], R.trivial(group) + R.standard(group) + types(group)["regular"]
    for conv in (
        nn.Conv(rep, other, kernel, dtype=torch.float64),
        nn.Conv(other, rep, kernel, stride=2, dtype=torch.float64),
    ):
        randomise(conv)
        assert worst(conv, (5,) * group.dim, lattice(group)[1:] or None) < EXACT


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_transposed_convolutions(group):
    rep = types(group)["mixed"]
    layer = randomise(nn.ConvTranspose(rep, rep, K.Harmonic(3), stride=2, padding=1, dtype=torch.float64))
    assert worst(layer, (3,) * group.dim) < EXACT


@pytest.mark.parametrize(
    ("rep", "kernel"),
    [
        (R.trivial(CUBE) + R.standard(CUBE) + R.quotient(CUBE, CUBE), K.Stencil(3)),
        (R.irrep(CUBE, 3) + R.trivial(CUBE), K.Stencil(2)),
        (R.trivial(SO3) + R.standard(SO3) + R.tensor(SO3, 2), K.Harmonic(3)),
    ],
    ids=["cube", "cube, even", "SO(3)"],
)
def test_in_three_dimensions(rep, kernel):
    net = nn.Sequential(
        randomise(nn.Conv(rep, rep, kernel, padding=1)), nn.BatchNorm(rep), nn.NormMaxPool(rep, 2, 1), nn.Norm(rep)
    ).double()
    assert worst(net, (4, 4, 4), lattice(rep.group)[1::5], batch=1) < EXACT


def test_by_hand_a_turned_image_turns_and_rolls_regular_features():
    """C4: component k of a regular field answers to the k-th turn of the filter. No torsor action is involved."""
    conv = nn.Conv(R.trivial(C4), R.regular(C4), K.Stencil(5), dtype=torch.float64)
    x = torch.randn(1, 1, 9, 9, dtype=torch.float64)
    turned = conv(torch.rot90(x, 1, (-2, -1)))
    expected = torch.rot90(conv(x), 1, (-2, -1)).roll(1, dims=1)
    assert (turned - expected).abs().max() < EXACT
    assert (turned - torch.rot90(conv(x), 1, (-2, -1))).abs().max() > 0.1
    filters = conv.kernel.stencil()
    for k in range(4):
        assert (filters[k, 0] - torch.rot90(filters[0, 0], k, (-2, -1))).abs().max() < EXACT


def test_by_hand_a_mirrored_image_gives_a_mirrored_vector_field():
    """Standard fields of a reflection of the last axis: component 1 changes its sign, component 0 does not."""
    conv = nn.Conv(R.trivial(MIRROR), R.standard(MIRROR), K.Harmonic(3), dtype=torch.float64)
    x = torch.randn(1, 1, 6, 7, dtype=torch.float64)
    y, mirrored = conv(x), conv(x.flip(-1))
    assert (mirrored - y.flip(-1) * torch.tensor([1.0, -1.0]).view(2, 1, 1)).abs().max() < EXACT
    line = nn.Conv(R.trivial(LINE), R.sign(LINE), K.Stencil(3), dtype=torch.float64)
    assert (line(x[:, :, 0].flip(-1)) + line(x[:, :, 0]).flip(-1)).abs().max() < EXACT


def test_one_perturbed_weight_is_seen():
    """The measure itself: it fails for a kernel that is off by 10⁻⁶ in one entry."""
    frozen = build("Conv").freeze()
    x, turn = torch.randn(2, 1, 5, 5, dtype=torch.float64), lattice(C4)[1]
    before = errors(frozen, x, turn, R.trivial(C8), R.regular(C8))
    assert max(before[:2]) < EXACT
    assert before[2] > 0.1  # plain weights that answer to different turns have different gradients
    with torch.no_grad():
        frozen.weight[0, 0, 0, 1] += 1e-6
    assert min(errors(frozen, x, turn, R.trivial(C8), R.regular(C8))[:2]) > 1e-8


# ------------------------------------------------------------------------------------------ networks


def stencil_net(group, size_of_images):
    """Convolutions, pooling and strides of every kind, at sizes that are safe for `size_of_images`."""
    regular = 2 * R.regular(group)
    mixed = R.regular(group) + 2 * R.standard(group) + R.trivial(group)
    even = size_of_images % 2 == 0
    gated = nn.Gated(mixed)
    return nn.Sequential(
        nn.Conv(2 * R.trivial(group), regular, K.Stencil(3)),
        nn.BatchNorm(regular),
        nn.ReLU(regular),
        nn.MaxPool(regular, 2 if even else 3, 2, 0 if even else 1),
        nn.Conv(regular, gated.in_rep, K.Stencil(3)),
        nn.BatchNorm(gated.in_rep),
        gated,
        nn.AntialiasedPool(mixed, size=4 if even else 3),
        nn.Conv(mixed, regular, K.Stencil(2 if even else 3), stride=2),
        nn.Norm(regular),
        nn.NormMaxPool(regular, 1),
        nn.GroupPool(regular),
        nn.AdaptiveAvgPool(2 * R.trivial(group)),
    ).double()


@pytest.mark.parametrize("size", [16, 17])
@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("group", [C4, D4], ids=str)
def test_stencil_networks_end_to_end(group, mode, size):
    net = randomise(stencil_net(group, size)).train(mode == "train")
    assert worst(net, (size, size), batch=3) < EXACT
    x = torch.randn(3, 2, size, size, dtype=torch.float64)
    y = net(x)
    assert y.shape == (3, 2, 1, 1) and y.std() > 1e-3  # it does answer
    assert (net(torch.rot90(x, 1, (2, 3))) - y).abs().max() < EXACT
    if group == C4:
        assert (net(x.flip(-1)) - y).abs().max() > 1e-6  # and distinguishes mirror images


@pytest.mark.parametrize("group", [C4, D4], ids=str)
def test_stencil_networks_with_features_on_a_grid(group):
    """Down and up again, with a skip connection: standard fields of the full size come out."""
    regular, out = R.regular(group), R.standard(group) + R.trivial(group)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.in_rep, self.out_rep = out, out
            self.first = nn.Conv(out, regular, K.Stencil(3))
            self.down = nn.Sequential(
                nn.AntialiasedPool(regular), nn.Conv(regular, regular, K.Stencil(3)), nn.ELU(regular)
            )
            self.up = nn.ConvTranspose(regular, regular, K.Stencil(4), stride=2, padding=1)
            self.join = nn.Concatenate(regular, regular)
            self.last = nn.Conv(self.join.out_rep, out, K.Stencil(3))

        def forward(self, x):
            x = self.first(x)
            return self.last(self.join(x, self.up(self.down(x))))

    assert worst(Net().double(), (8, 8)) < EXACT


@pytest.mark.parametrize("group", [C8, SO2, D8, O2], ids=str)
def test_harmonic_networks_are_exact_under_quarter_turns(group):
    rep = 2 * R.regular(group, None if group.is_finite else 2)
    act = nn.ReLU(rep) if group.is_finite else nn.Fourier(rep)
    net = nn.Sequential(
        nn.Conv(R.trivial(group), rep, K.Harmonic(5)),
        nn.BatchNorm(rep),
        act,
        nn.AntialiasedPool(rep),
        nn.Conv(rep, rep, K.Harmonic(3)),
        nn.VectorPool(rep),
    ).double()
    assert worst(randomise(net), (8, 8)) < EXACT


def test_no_group_no_constraint():
    conv = nn.Conv(2 * R.trivial(ALONE), 3 * R.trivial(ALONE), K.Stencil(3))
    assert conv.weight.numel() == 2 * 3 * 9
