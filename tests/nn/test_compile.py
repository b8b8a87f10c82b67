"""torch.compile with a whole graph: outputs and gradients equal eager ones, in training and evaluation."""

import copy
import pickle
import shutil

import pytest
import torch
from torch.utils import _pytree

from tests.fibre.action import C4, D4, O2, SO2, randomise
from tests.nn.zoo import LAYERS, build, sample
from torsor import kernels as K
from torsor import models, nn
from torsor import reps as R
from torsor.fields import Field

pytestmark = pytest.mark.filterwarnings(
    "ignore::torsor.errors.BottleneckWarning", "ignore::torsor.errors.SymmetryWarning", "ignore::DeprecationWarning"
)
RANDOM = {"FieldDropout", "ChannelDropout"}


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def compare(net: torch.nn.Module, x: torch.Tensor, backend: str, tolerance: float = 1e-5) -> None:
    """One forward and backward pass, eager and compiled; running statistics too."""
    twin = copy.deepcopy(net)
    compiled = torch.compile(twin, fullgraph=True, backend=backend)
    results = []
    for module in (compiled, net):  # compiled first: nothing is warm
        leaf = x.clone().requires_grad_()
        y = module(leaf)
        weights = list(module.parameters())
        slopes = torch.autograd.grad(y.square().sum(), [leaf, *weights], allow_unused=True, materialize_grads=True)
        results.append([y.detach(), *slopes])
    for b, a in zip(*results, strict=True):
        assert (a - b).abs().max() <= tolerance * (1 + a.abs().max())
    for (key, a), (_, b) in zip(net.named_buffers(), twin.named_buffers(), strict=True):
        assert torch.allclose(a, b, atol=1e-6), key


@pytest.mark.parametrize("name", [n for n in LAYERS if n not in RANDOM and "Conv " not in n])
def test_every_layer(name):
    layer = randomise(build(name, torch.float32))
    compare(layer, sample(name, layer, dtype=torch.float32), "aot_eager")


@pytest.mark.parametrize("name", ["BatchNorm uniform", "BatchNorm mixed", "FieldDropout", "Sequential"])
def test_evaluation(name):
    layer = randomise(build(name, torch.float32)).eval()
    compare(layer, sample(name, layer, dtype=torch.float32), "eager")


def regular_net() -> nn.Sequential:
    rep = R.regular(D4)
    return nn.Sequential(
        nn.Conv(R.trivial(D4), rep, K.Harmonic(3)),
        nn.BatchNorm(rep),
        nn.ReLU(rep),
        nn.MaxPool(rep),
        nn.Conv(rep, rep, K.Stencil(3)),
        nn.GroupPool(rep),
        nn.AdaptiveAvgPool(R.trivial(D4)),
    )


def gated_net() -> nn.Sequential:
    gated = nn.Gated(R.irrep(SO2, 1) + R.trivial(SO2))
    return nn.Sequential(
        nn.Conv(R.trivial(SO2), gated.in_rep, K.Harmonic(3)),
        nn.BatchNorm(gated.in_rep),
        gated,
        nn.AntialiasedPool(gated.out_rep),
        nn.Norm(gated.out_rep),
        nn.NormPool(gated.out_rep),
    )


def fourier_net() -> nn.Sequential:
    rep = R.regular(O2, band=1)
    return nn.Sequential(
        nn.Conv(R.trivial(O2), rep, K.Harmonic(3)), nn.Fourier(rep), nn.BatchNorm(rep), nn.GroupPool(rep)
    )


NETS = {"regular": regular_net, "gated": gated_net, "fourier": fourier_net}


@pytest.mark.parametrize("net", NETS)
def test_networks(net):
    compare(randomise(NETS[net]()), torch.randn(2, 1, 8, 8), "aot_eager")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs a C++ compiler")
def test_networks_with_inductor():
    compare(randomise(regular_net()), torch.randn(2, 1, 8, 8), "inductor", 1e-4)


def test_one_graph_serves_other_sizes_and_new_weights():
    net = regular_net().eval()
    compiled = torch.compile(net, fullgraph=True, backend="eager", dynamic=True)
    for size in (8, 10, 12):
        x = torch.randn(3, 1, size, size)
        assert torch.allclose(compiled(x), net(x), atol=1e-6)
    with torch.no_grad():
        net[0].weight.mul_(2)
    x = torch.randn(3, 1, 8, 8)
    assert torch.allclose(compiled(x), net(x), atol=1e-6)


def test_a_train_step_of_a_network():
    """Compiled, SGD takes the same steps."""
    results = []
    for compile_it in (False, True):
        torch.manual_seed(0)
        net = models.digits_net("C4", width=0.2)
        net.head[4].p = 0.0
        run = torch.compile(net, fullgraph=True, backend="aot_eager") if compile_it else net
        optimiser = torch.optim.SGD(net.parameters(), 0.01)
        x = torch.randn(4, 1, 28, 28)
        for _ in range(2):
            optimiser.zero_grad()
            run(x).square().mean().backward()
            optimiser.step()
        results.append(torch.cat([p.detach().flatten() for p in net.parameters()]))
    assert (results[0] - results[1]).abs().max() < 1e-4


def test_fields_compile_and_export():
    rep = R.regular(C4)
    conv = nn.Conv(R.trivial(C4), rep, K.Stencil(3), stride=2)
    field = Field(torch.randn(2, 1, 5, 5), R.trivial(C4))
    found = torch.compile(conv, fullgraph=True, backend="eager")(field)
    assert isinstance(found, Field) and found.rep == rep and found.space.spacings == (2.0, 2.0)
    assert torch.allclose(found.tensor, conv(field.tensor), atol=1e-6)
    exported = torch.export.export(conv, (field,))
    y = exported.module()(field)
    assert y.rep == rep and torch.allclose(y.tensor, conv(field.tensor), atol=1e-6)
    _, spec = _pytree.tree_flatten(field)
    assert _pytree.treespec_loads(_pytree.treespec_dumps(spec)) == spec  # the type survives as JSON


@pytest.mark.parametrize(
    "name", ["Squash", "GroupPool band, mean", "AvgPool", "Restrict", "BatchNorm mixed", "VectorPool"]
)
def test_a_layer_that_never_ran_compiles_whole(name):
    """Also one that was unpickled: its types are other objects, whose dimensions must not be computed in the trace."""
    fresh = build(name, torch.float32)
    x = torch.randn(2, *sample(name, build(name)).shape[1:])
    for layer in (fresh, pickle.loads(pickle.dumps(build(name, torch.float32)))):
        torch._dynamo.reset()
        y = torch.compile(layer, fullgraph=True, backend="eager")(x)
        assert torch.allclose(y, build(name, torch.float32)(x), atol=1e-6)


def test_no_warning_and_no_break_at_unsafe_sizes():
    """Compiled code is silent: the eager warning is not traced."""
    conv = nn.Conv(R.trivial(C4), R.trivial(C4), K.Stencil(3), stride=2)
    x = torch.randn(1, 1, 6, 6)
    assert torch.allclose(torch.compile(conv, fullgraph=True, backend="eager")(x), conv(x), atol=1e-6)
