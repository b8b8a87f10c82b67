"""Layers as good citizens of PyTorch: states, copies, devices, dtypes, layouts, autocast, functional calls."""

import copy
import io
import pickle

import pytest
import torch

from tests.fibre.action import C4, D4, randomise
from tests.nn.zoo import LAYERS, build, sample, small_net
from torsor import kernels as K
from torsor import models, nn
from torsor import reps as R

pytestmark = pytest.mark.filterwarnings("ignore::torsor.errors.BottleneckWarning")
STATISTICS = {"running_mean", "running_var", "num_batches_tracked"}
DOCUMENTED = {"kernel.weight", "bias", "weight", *STATISTICS}


def same(a: dict, b: dict) -> bool:
    return list(a) == list(b) and all(torch.equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("name", LAYERS)
def test_state_is_the_same_in_training_and_evaluation(name):
    layer = randomise(build(name))
    layer.train()
    before = {k: v.clone() for k, v in layer.state_dict().items()}
    layer.eval()
    assert same(before, layer.state_dict())
    layer(sample(name, layer))
    assert same(before, layer.state_dict())
    layer.train()
    assert same(before, layer.state_dict())
    assert {key.split(".", 1)[1] if name == "Sequential" else key for key in before} <= DOCUMENTED


def test_documented_keys():
    assert list(build("Conv").state_dict()) == ["bias", "kernel.weight"]
    assert list(build("ConvTranspose").state_dict()) == ["bias", "kernel.weight"]
    assert list(build("Conv circular, no bias").state_dict()) == ["kernel.weight"]
    assert list(build("Linear").state_dict()) == ["bias", "kernel.weight"]
    assert list(build("Norm").state_dict()) == ["bias"]
    assert set(build("BatchNorm mixed").state_dict()) == {"weight", "bias", *STATISTICS}
    assert set(build("BatchNorm plain").state_dict()) == STATISTICS
    assert set(build("LayerNorm").state_dict()) == {"weight", "bias"}
    for name in (
        "Fourier",
        "GroupPool band, mean",
        "VectorPool",
        "AntialiasedPool",
        "DiscMask",
        "Gated",
        "InstanceNorm plain",
    ):
        assert not build(name).state_dict(), name


@pytest.mark.parametrize("source", ["train", "eval"])
@pytest.mark.parametrize("target", ["train", "eval"])
@pytest.mark.parametrize("name", LAYERS)
def test_strict_loading_in_any_mode(name, source, target):
    layer = randomise(build(name)).train(source == "train")
    torch.manual_seed(5)
    other = randomise(LAYERS[name][0]().double()).train(target == "train")
    other.load_state_dict(layer.state_dict(), strict=True)
    x = sample(name, layer)
    assert torch.equal(other.eval()(x), layer.eval()(x))


@pytest.mark.parametrize("name", LAYERS)
def test_copies(name):
    layer = randomise(build(name)).eval()
    x = sample(name, layer)
    expected = layer(x)
    if name == "Pointwise":
        layer.function = torch.nn.functional.softplus
    buffer = io.BytesIO()
    torch.save(layer, buffer)
    buffer.seek(0)
    ways = {
        "deepcopy": copy.deepcopy(layer),
        "pickle": pickle.loads(pickle.dumps(layer)),
        "save": torch.load(buffer, weights_only=False),
    }
    for way, other in ways.items():
        assert torch.equal(other(x), expected), way
        assert other.in_rep == layer.in_rep and other.out_rep == layer.out_rep
        with torch.no_grad():
            for p in other.parameters():
                p.add_(1.0)
    assert torch.equal(layer(x), expected)


@pytest.mark.parametrize("name", LAYERS)
def test_meta_device_then_empty_then_load(name):
    source = randomise(build(name)).eval()
    meta = build(name, None, "meta")
    assert all(t.is_meta for t in [*meta.parameters(), *meta.buffers()])
    real = meta.to_empty(device="cpu").double().eval()
    assert real.load_state_dict(source.state_dict()).missing_keys == []
    x = sample(name, source)
    assert (real(x) - source(x)).abs().max() < 1e-14


@pytest.mark.parametrize("name", LAYERS)
def test_float64_after_float32_is_fresh_float64(name):
    fresh = randomise(build(name, torch.float64)).eval()
    moved = build(name, torch.float32).half().float().double().eval()
    moved.load_state_dict(fresh.state_dict())
    x = sample(name, fresh)
    assert torch.equal(moved(x), fresh(x))
    for (key, a), (_, b) in zip(fresh.named_buffers(), moved.named_buffers(), strict=True):
        assert torch.equal(a, b) and a.dtype == b.dtype, key
    assert moved.float()(x.float()).dtype == torch.float32


@pytest.mark.parametrize(
    "name", ["Conv", "ConvTranspose", "Linear", "Norm", "BatchNorm mixed", "LayerNorm", "InstanceNorm"]
)
def test_constructors_take_device_and_dtype(name):
    rep = R.regular(D4) + R.standard(D4)
    options = {"device": "meta", "dtype": torch.float64}
    layer = {
        "Conv": lambda: nn.Conv(rep, rep, K.Stencil(3), **options),
        "ConvTranspose": lambda: nn.ConvTranspose(rep, rep, K.Stencil(3), **options),
        "Linear": lambda: nn.Linear(rep, rep, **options),
        "Norm": lambda: nn.Norm(rep, **options),
        "BatchNorm mixed": lambda: nn.BatchNorm(rep, **options),
        "LayerNorm": lambda: nn.LayerNorm(rep, **options),
        "InstanceNorm": lambda: nn.InstanceNorm(rep, affine=True, **options),
    }[name]()
    tensors = [*layer.named_parameters(), *layer.named_buffers()]
    assert tensors and all(t.is_meta for _, t in tensors)
    assert all(t.dtype == torch.float64 for n, t in tensors if n != "num_batches_tracked")


@pytest.mark.parametrize("name", LAYERS)
def test_channels_last_gives_the_same(name):
    layer = randomise(build(name)).eval()
    x = sample(name, layer)
    if x.ndim not in (4, 5):
        pytest.skip("no such layout in one dimension")
    layout = torch.channels_last if x.ndim == 4 else torch.channels_last_3d
    y = layer(x)
    assert (layer(x.contiguous(memory_format=layout)) - y).abs().max() < 1e-12
    assert (layer.to(memory_format=layout)(x.contiguous(memory_format=layout)) - y).abs().max() < 1e-12
    leaf = x.clone(memory_format=layout).requires_grad_()
    layer(leaf).square().sum().backward()
    plain = x.clone().requires_grad_()
    layer(plain).square().sum().backward()
    assert (leaf.grad - plain.grad).abs().max() < 1e-10


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", LAYERS)
def test_autocast_to_bfloat16(name, mode):
    if name in ("FieldDropout", "ChannelDropout") and mode == "train":
        pytest.skip("random")
    layer = build(name, torch.float32).train(mode == "train")
    x = sample(name, layer, batch=4, dtype=torch.float32).requires_grad_()
    expected = copy.deepcopy(layer)(x)
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(x)
    assert y.isfinite().all() and (y.float() - expected).norm() < 0.03 * expected.norm()
    if y.requires_grad:
        y.float().square().sum().backward()
        assert all(p.grad is None or p.grad.dtype == torch.float32 for p in layer.parameters())


def test_autocast_train_step_of_a_network():
    net = models.digits_net("C4", width=0.2)
    x, optimiser = torch.randn(4, 1, 28, 28), torch.optim.SGD(net.parameters(), 0.01)
    with torch.autocast("cpu", torch.bfloat16):
        loss = net(x).float().square().mean()
    loss.backward()
    optimiser.step()
    assert loss.isfinite() and all(p.isfinite().all() and p.dtype == torch.float32 for p in net.parameters())
    assert all(p.grad is not None for p in net.parameters())


def test_functional_call_and_gradients_of_it():
    net = small_net().double().eval()
    x = torch.randn(2, 1, 9, 9, dtype=torch.float64)
    weights = {k: v.detach() for k, v in net.named_parameters()}

    def loss(weights):
        return torch.func.functional_call(net, weights, (x,)).square().sum()

    found = torch.func.grad(loss)(weights)
    net(x).square().sum().backward()
    for key, p in net.named_parameters():
        assert torch.allclose(found[key], p.grad, atol=1e-12), key


def test_vmap_over_weights_and_inputs():
    rep = R.regular(C4)
    nets = [nn.Sequential(nn.Conv(R.trivial(C4), rep, K.Stencil(3)), nn.ReLU(rep), nn.GroupPool(rep)) for _ in range(3)]
    weights, buffers = torch.func.stack_module_state(nets)
    x = torch.randn(3, 2, 1, 5, 5)

    def call(weights, buffers, x):
        return torch.func.functional_call(nets[0], (weights, buffers), (x,))

    y = torch.vmap(call)(weights, buffers, x)
    assert torch.allclose(y, torch.stack([net(v) for net, v in zip(nets, x, strict=True)]), atol=1e-6)


def test_gradcheck():
    net = small_net().double()
    x = torch.randn(2, 1, 5, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(net.eval(), (x,), eps=1e-6, atol=1e-5)


@pytest.mark.parametrize("name", ["Conv", "Linear", "BatchNorm mixed"])
def test_half_precision_keeps_its_dtype(name):
    layer = build(name, torch.bfloat16).eval()
    assert layer(sample(name, layer, dtype=torch.bfloat16)).dtype == torch.bfloat16


@pytest.mark.parametrize("name", [n for n in LAYERS if n not in ("InstanceNorm", "InstanceNorm plain")])
def test_empty_batches(name):
    layer = build(name).eval()
    x = sample(name, layer)
    assert layer(x[:0]).shape == (0, *layer(x).shape[1:])


def test_inference_mode_and_anomaly_free_training():
    net = small_net()
    with torch.inference_mode():
        net.eval()(torch.randn(2, 1, 9, 9))
    with pytest.warns(UserWarning, match="Anomaly"), torch.autograd.detect_anomaly(check_nan=True):
        net.train()(torch.zeros(2, 1, 9, 9)).sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


def test_compositions_with_torchs_own_modules():
    """Torsor inside torch: ModuleList, torch.nn.Sequential, hooks, parameter groups, weight decay on `weight`."""
    rep = R.regular(C4)
    net = torch.nn.Sequential(nn.Conv(R.trivial(C4), rep, K.Stencil(3)), torch.nn.ReLU(), nn.GroupPool(rep))
    seen = []
    net[0].register_forward_hook(lambda module, args, output: seen.append(output.shape))
    x = torch.randn(2, 1, 5, 5)
    optimiser = torch.optim.AdamW(net.parameters(), 1e-2)
    first = None
    for _ in range(30):
        optimiser.zero_grad()
        loss = (net(x) - 1).square().mean()
        loss.backward()
        optimiser.step()
        first = first or float(loss.detach())
    assert float(loss.detach()) < 0.7 * first and seen[0] == (2, 4, 5, 5)
