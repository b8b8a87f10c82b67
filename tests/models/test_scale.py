"""The network over scales, the image pyramid, and the ordinary CNN of the same design."""

import pytest
import torch

from torsor.data import rescale
from torsor.errors import FieldTypeError
from torsor.models import Pyramid
from torsor.models.scale_net import Centre, ScaleNet, plain_features


def blobs(size, width, seed=0):
    """A smooth random image that fills the middle."""
    generator = torch.Generator().manual_seed(seed)
    axis = torch.arange(size) - (size - 1) / 2
    centres = width * torch.randn(6, 2, generator=generator)
    weights = torch.randn(6, generator=generator)
    square = (axis[:, None, None] - centres[:, 0]) ** 2 + (axis[None, :, None] - centres[:, 1]) ** 2
    return (weights * torch.exp(-square / width**2)).sum(-1)[None, None]


def test_scores_are_invariant_if_the_window_follows_up_to_sampling():
    """The error falls with the sampling: of blobs that are twice as large, over scales twice as large."""
    errors = []
    for size, width, window in ((97, 3.0, (1, 3)), (193, 6.0, (3, 5))):
        torch.manual_seed(0)
        net = ScaleNet(window, width=0.25).eval()
        small, large = blobs(size, width), blobs(2 * size - 1, 2 * width)
        assert torch.allclose(large[..., ::2, ::2], small, atol=1e-5)
        plain, followed, fixed = net(small), net.widened(-2, 2)(large), net(large)
        errors.append([float((plain - y).detach().norm() / plain.detach().norm()) for y in (followed, fixed)])
    assert errors[1][0] < errors[0][0] and all(followed < 0.25 * fixed for followed, fixed in errors), errors


def test_widened_networks_share_their_weights():
    net = ScaleNet(3, width=0.25)
    wide, x = net.widened(0, 1), torch.randn(2, 1, 17, 17)
    assert torch.allclose(net.widened()(x), net(x)) and wide(x).shape == (2, 10)
    assert wide.head is net.head and isinstance(wide, ScaleNet)


def test_a_pyramid_is_invariant_on_the_scales_that_it_has():
    torch.manual_seed(0)
    module = torch.nn.Sequential(plain_features(0.5), Centre()).eval()
    small, large = blobs(33, 3.0), blobs(65, 6.0)
    one, other = Pyramid(module, (1.0,))(small), Pyramid(module, (65 / 33,))(large)
    assert (one - other).abs().max() < 0.1 * one.abs().max()


@pytest.mark.parametrize("mode", ["max", "mean"])
def test_a_pyramid_pools_over_its_levels(mode):
    module = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    x = torch.rand(3, 2, 16, 16)
    y = Pyramid(module, (1.0, 2.0, 0.5), mode)(x)
    assert y.shape == (3, 2) and torch.allclose(y, x.mean((2, 3)), atol=1e-2)


def test_shrinking_agrees_with_the_data():
    """Two independent resamplings, one of the pyramid and one of the digits."""
    from torsor.models.pyramid import shrink

    x = blobs(64, 8.0)
    half = rescale(x, torch.tensor([0.5]), 32)
    assert (shrink(x, 2.0) - half).abs().max() < 0.03 * half.abs().max()


def test_errors():
    module = torch.nn.Flatten()
    with pytest.raises(FieldTypeError, match="positive factors"):
        Pyramid(module, (1.0, 0.0))
    with pytest.raises(FieldTypeError, match="expected the mode"):
        Pyramid(module, mode="sum")
