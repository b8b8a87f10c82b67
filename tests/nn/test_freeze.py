"""freeze(): plain modules that equal the layer in eval mode, and that torch.export and ONNX take."""

import io

import numpy as np
import onnxruntime
import pytest
import torch

from tests.fibre.action import D4, SO2, randomise
from tests.nn.zoo import LAYERS, build, sample, small_net
from torsor import kernels as K
from torsor import models, nn
from torsor import reps as R
from torsor.fibre import Expansion
from torsor.nn.grid import GridLayer

pytestmark = pytest.mark.filterwarnings("ignore::torsor.errors.BottleneckWarning", "ignore::DeprecationWarning")
PLAIN = {
    "Conv": torch.nn.Conv2d,
    "Conv groups": torch.nn.Conv2d,
    "Conv 1d": torch.nn.Conv1d,
    "Conv 3d": torch.nn.Conv3d,
    "ConvTranspose": torch.nn.ConvTranspose2d,
    "ConvTranspose 1d": torch.nn.ConvTranspose1d,
    "Linear": torch.nn.Linear,
    "ReLU": torch.nn.ReLU,
    "ELU": torch.nn.ELU,
    "MaxPool": torch.nn.MaxPool2d,
    "AvgPool": torch.nn.AvgPool2d,
    "AdaptiveAvgPool": torch.nn.AdaptiveAvgPool2d,
    "FieldDropout": torch.nn.Identity,
    "Restrict": torch.nn.Identity,
    "Upsample": torch.nn.Upsample,
    "Sequential": torch.nn.Sequential,
}
NETS = {
    "C8 regular": lambda: models.digits_net("C8", width=0.2),
    "SO(2) irreps": lambda: models.digits_net("SO(2)", "irreps", width=0.2, band=2),
    "O(2) regular": lambda: models.digits_net("O(2)", "regular", width=0.2, band=2),
    "plain": lambda: models.plain_net(width=0.5),
    "wide": lambda: models.WideResNet(("D4", "D4", "C4"), 10, 0.25, dropout=0.1),
}


@pytest.mark.parametrize("name", LAYERS)
def test_equals_the_layer_in_eval_mode(name):
    layer = randomise(build(name)).train()
    frozen = layer.freeze()
    assert layer.training
    x = sample(name, layer)
    y = layer.eval()(x)
    assert (frozen(x) - y).abs().max() < 1e-12 and frozen(x).dtype == torch.float64
    assert not any(isinstance(m, Expansion) for m in frozen.modules())
    assert not {id(t) for t in layer.parameters()} & {id(t) for t in frozen.parameters()}
    if name in PLAIN:
        assert isinstance(frozen, PLAIN[name])


@pytest.mark.parametrize("name", LAYERS)
def test_has_no_training_mode_left(name):
    """Evaluation, at once: no module of the frozen one is in training mode where that matters."""
    frozen = build(name).train().freeze()
    x = sample(name, build(name))
    assert torch.equal(frozen(x), frozen.eval()(x))
    assert not any(m.training for m in frozen.modules() if isinstance(m, (nn.BatchNorm, nn.FieldDropout)))


@pytest.mark.parametrize("name", NETS)
def test_whole_networks(name):
    net = NETS[name]().double()
    size = 28 if name != "wide" else 8
    x = torch.randn(2, net.in_rep.dim, size, size, dtype=torch.float64)
    randomise(net)
    frozen = nn.freeze(net)
    assert (frozen(x) - net.eval()(x)).abs().max() < 1e-11
    left = [type(m).__name__ for m in frozen.modules() if isinstance(m, (Expansion, nn.Conv, nn.Linear, nn.BatchNorm))]
    assert not left and not any(isinstance(m, GridLayer) for m in frozen.modules())
    assert not any(m.training for m in frozen.modules())


@pytest.mark.parametrize("name", LAYERS)
def test_survives_torch_export(name):
    frozen = build(name, torch.float32).freeze()
    x = torch.randn(2, *sample(name, build(name)).shape[1:])
    exported = torch.export.export(frozen, (x,))
    assert torch.allclose(exported.module()(x), frozen(x), atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_the_layer_itself_survives_torch_export(name):
    layer = build(name, torch.float32).eval()
    x = sample(name, layer, dtype=torch.float32)
    exported = torch.export.export(layer, (x,))
    assert torch.allclose(exported.module()(x), layer(x), atol=1e-5)


def test_batch_size_may_stay_open():
    net = small_net().eval()
    x = torch.randn(3, 1, 9, 9)
    for module in (net, net.freeze()):
        exported = torch.export.export(module, (x,), dynamic_shapes=({0: torch.export.Dim("batch", min=2)},))
        other = torch.randn(5, 1, 9, 9)
        assert torch.allclose(exported.module()(other), net(other), atol=1e-6)


def test_saved_and_loaded():
    frozen = small_net().freeze()
    x = torch.randn(2, 1, 9, 9)
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(frozen, (x,)), buffer)
    buffer.seek(0)
    assert torch.allclose(torch.export.load(buffer).module()(x), frozen(x), atol=1e-6)


# ---------------------------------------------------------------------------------------------- ONNX


def through_onnx(module: torch.nn.Module, x: torch.Tensor) -> np.ndarray:
    program = torch.onnx.export(module, (x,), dynamo=True, verbose=False)
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (name,) = [i.name for i in session.get_inputs()]
    return session.run(None, {name: x.numpy()})[0]


def onnx_net() -> nn.Sequential:
    """Every kind of layer that has a weight or a table, once."""
    rep, gated = 2 * R.regular(D4), nn.Gated(R.standard(D4) + R.trivial(D4))
    return nn.Sequential(
        nn.Conv(R.trivial(D4), rep, K.Harmonic(3), stride=2),
        nn.BatchNorm(rep),
        nn.ReLU(rep),
        nn.MaxPool(rep, 3, 2, 1),
        nn.Upsample(rep),
        nn.Conv(rep, gated.in_rep, K.Stencil(3)),
        nn.BatchNorm(gated.in_rep),
        gated,
        nn.AntialiasedPool(gated.out_rep),
        nn.ConvTranspose(gated.out_rep, rep, K.Stencil(3)),
        nn.Norm(rep),
        nn.LayerNorm(rep),
        nn.Linear(rep, rep),
        nn.VectorPool(rep),
        nn.NormPool(2 * R.standard(D4)),
        nn.AdaptiveAvgPool(2 * R.trivial(D4)),
    )


def fourier_net() -> nn.Sequential:
    rep = 2 * R.regular(SO2, band=1)
    return nn.Sequential(nn.Conv(R.trivial(SO2), rep, K.Harmonic(3)), nn.Fourier(rep), nn.GroupPool(rep))


@pytest.mark.parametrize("net", [onnx_net, fourier_net])
@pytest.mark.parametrize("frozen", [True, False], ids=["frozen", "unfrozen"])
def test_onnx_gives_the_same_numbers(net, frozen):
    net = randomise(net()).eval()
    x = torch.randn(2, 1, 9, 9)
    expected = net(x).detach().numpy()
    found = through_onnx(net.freeze() if frozen else net, x)
    assert found.shape == expected.shape and np.abs(expected).max() > 1e-3
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()
