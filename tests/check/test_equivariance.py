"""check.equivariance: exact for what is equivariant, and not fooled by what is not."""

import warnings

import pytest
import torch

from tests.fibre.action import C4, C8, D4, LINE, O2, SO2, randomise
from torsor import check, nn
from torsor import kernels as K
from torsor import reps as R
from torsor.errors import ConfigError, FieldTypeError, SymmetryWarning
from torsor.fields import Field

QUICK = {"size": 9, "samples": 4, "batch": 3}


def regular_net(group=C4, kernel=None) -> nn.Sequential:
    rep = 2 * R.regular(group)
    kernel = K.Harmonic(3) if kernel is None else kernel
    return randomise(
        nn.Sequential(
            nn.Conv(R.trivial(group), rep, kernel),
            nn.BatchNorm(rep),
            nn.ReLU(rep),
            nn.Conv(rep, R.standard(group) + R.trivial(group), kernel),
        )
    )


def test_an_equivariant_network():
    report = check.equivariance(regular_net(), **QUICK)
    assert report.passed() and report.exact_error < 1e-12 and 1e-8 < report.exact_float32 < 1e-4
    assert len(report.exact) == 4 and report.sampled == () and report.refinement is None
    assert all(e.input_gradient is not None and e.parameter_gradient is not None for e in report.exact)
    assert report.output_norm > 0 and report.sensitivity > 0.01 and report.size == 9
    assert report.module == "Sequential" and report.group == "C4"
    assert {e.name for e in report.exact} == {"identity"} | {f"rotation by {k}°" for k in (90, 180, 270)}


def test_sampled_elements_and_refinement():
    """C8: four elements are exact, the others fall by 3 at least with each halving of the spacing, towards zero."""
    conv = nn.Conv(R.trivial(C8), R.regular(C8), K.Harmonic(5))
    report = check.equivariance(conv, size=15, gradients=False)
    assert len(report.exact) == 4 and len(report.sampled) == 4 and report.passed()
    a, b, c = report.refinement
    assert a > 3 * b > 9 * c > 0, report.refinement
    assert report.extrapolated < c
    assert report.sampled_error < 0.2 * report.unconstrained


@pytest.mark.parametrize("rep", [R.irrep(SO2, 1), R.regular(O2, band=2)], ids=str)
def test_refinement_of_continuous_groups(rep):
    conv = nn.Conv(R.trivial(rep.group) + R.standard(rep.group), rep, K.Harmonic(3))
    report = check.equivariance(conv, size=9, samples=4, gradients=False)
    a, b, c = report.refinement
    assert a > 3 * b > 9 * c > 0, report.refinement
    assert len(report.exact) == (4 if rep.group == SO2 else 8) and len(report.sampled) == 4


def test_any_module_given_two_types():
    """A plain convolution is far from equivariant; with a symmetric filter it is exact."""
    plain = torch.nn.Conv2d(1, 1, 3, padding=1)
    report = check.equivariance(plain, R.trivial(D4), R.trivial(D4), **QUICK)
    assert not report.passed() and report.exact_error > 0.1 and len(report.exact) == 8
    assert "NOT equivariant" in str(report)
    with torch.no_grad():
        plain.weight.copy_(torch.tensor([[1.0, 2.0, 1.0], [2.0, 5.0, 2.0], [1.0, 2.0, 1.0]]).view(1, 1, 3, 3))
    report = check.equivariance(plain, R.trivial(D4), R.trivial(D4), **QUICK, gradients=False)
    assert report.passed() and report.exact_error < 1e-12 and "NOT" not in str(report)


def test_a_plain_network_with_an_invariant_output():
    pooled = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(1, 3))
    assert check.equivariance(pooled, R.trivial(C4), 3 * R.trivial(C4), **QUICK).passed()
    flat = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(81, 3))
    assert not check.equivariance(flat, R.trivial(C4), 3 * R.trivial(C4), **QUICK).passed()


def test_the_wrong_type_is_noticed():
    """The right network with a wrong claim: vectors are not scalars."""
    conv = nn.Conv(R.trivial(C4), R.irrep(C4, 1), K.Harmonic(3))
    assert check.equivariance(conv, **QUICK, gradients=False).passed()
    assert not check.equivariance(conv, R.trivial(C4), 2 * R.trivial(C4), **QUICK, gradients=False).passed()


def test_one_wrong_weight_is_noticed():
    net = regular_net().double()
    frozen = net.eval().freeze()
    options = {"in_rep": net.in_rep, "out_rep": net.out_rep, **QUICK, "gradients": False}
    assert check.equivariance(frozen, **options).passed()
    with torch.no_grad():
        frozen[0].weight[1, 0, 0, 1] += 1e-5
    report = check.equivariance(frozen, **options)
    assert not report.passed() and 1e-9 < report.exact_error < 1e-3


class Broken(torch.nn.Module):
    """A network whose output is spoilt by a function."""

    def __init__(self, spoil):
        super().__init__()
        self.net, self.spoil = nn.Conv(R.trivial(C4), R.trivial(C4), K.Harmonic(3)), spoil
        self.in_rep = self.out_rep = R.trivial(C4)

    def forward(self, x):
        return self.spoil(self.net(x))


def nan_somewhere(y):
    y = y.clone()
    y[0, 0, 2, 3] = float("nan")
    return y


def dead(y):
    return y * 0


def constant(y):
    return y * 0 + 1


def infinite(y):
    return y / 0


@pytest.mark.parametrize("spoil", [nan_somewhere, dead, constant, infinite])
def test_what_only_looks_equivariant_fails(spoil):
    report = check.equivariance(Broken(spoil), **QUICK)
    assert not report.passed() and "NOT equivariant" in str(report)


def test_nan_everywhere_is_not_hidden_by_a_maximum():
    report = check.equivariance(Broken(nan_somewhere), **QUICK)
    assert report.exact_error != report.exact_error and report.output_norm != report.output_norm


def test_wrong_gradients_are_noticed():
    """Right outputs, wrong gradient: it is detached on one half of the image."""

    class Half(torch.nn.Module):
        in_rep = out_rep = R.trivial(C4)

        def forward(self, x):
            return torch.cat([x[..., :4].detach(), x[..., 4:]], -1)

    report = check.equivariance(Half(), **QUICK)
    assert max(e.output for e in report.exact) == 0 and not report.passed()
    assert check.equivariance(Half(), **QUICK, gradients=False).passed()


def test_weights_that_training_would_spoil_are_noticed():
    """A symmetric filter of free weights, and frozen networks: right now equivariant, but one SGD step breaks it."""
    plain = torch.nn.Conv2d(1, 1, 3, padding=1)
    torch.nn.init.ones_(plain.weight)
    frozen = nn.Conv(R.trivial(D4), R.trivial(D4), K.Stencil(3)).freeze()
    for module in (plain, frozen):
        report = check.equivariance(module, R.trivial(D4), R.trivial(D4), **QUICK)
        assert max(max(e.output, e.input_gradient) for e in report.exact) < 1e-12
        assert max(e.parameter_gradient for e in report.exact) > 0.1 and not report.passed()
        report = check.equivariance(module.requires_grad_(False), R.trivial(D4), R.trivial(D4), **QUICK)
        assert report.passed()


def test_sizes_avoid_symmetry_warnings():
    """And a size that breaks the symmetry, forced, is seen to break it."""
    rep = R.regular(C4)
    net = nn.Sequential(nn.Conv(R.trivial(C4), rep, K.Stencil(3), stride=2), nn.MaxPool(rep), nn.GroupPool(rep))
    with warnings.catch_warnings():
        warnings.simplefilter("error", SymmetryWarning)
        report = check.equivariance(net, gradients=False)
    assert (report.size - 1) % 4 == 2 and report.passed()
    with pytest.warns(SymmetryWarning):
        assert not check.equivariance(net, size=10, gradients=False).passed()


def test_evaluation_float64_and_the_module_stays_as_it_is():
    net = regular_net()
    state = {k: v.clone() for k, v in net.train().state_dict().items()}
    check.equivariance(net, **QUICK)
    assert net.training and all(torch.equal(v, state[k]) for k, v in net.state_dict().items())
    assert all(p.grad is None and p.dtype == torch.float32 for p in net.parameters())


def test_given_elements():
    conv = nn.Conv(R.trivial(SO2), R.standard(SO2), K.Harmonic(3))
    angles = torch.tensor([0.3, torch.pi / 2], dtype=torch.float64)
    elements = SO2.exp(angles[:, None, None] * SO2.algebra[0])
    report = check.equivariance(conv, elements=elements, **QUICK, gradients=False)
    assert len(report.exact) == 1 and len(report.sampled) == 1
    assert report.sampled[0].name == "rotation by 17.19°" and report.passed()


def test_one_dimension():
    report = check.equivariance(nn.Conv(R.regular(LINE), R.sign(LINE), K.Stencil(3)), gradients=False)
    assert report.passed() and len(report.exact) == 2 and report.size == 33


def test_a_seed_gives_the_same_report():
    net = regular_net()
    reports = [check.equivariance(net, **QUICK, gradients=False, seed=seed) for seed in (1, 1, 2)]
    assert reports[0].output_norm == reports[1].output_norm != reports[2].output_norm


def test_refused():
    with pytest.raises(FieldTypeError, match=r"Conv2d does not say its types: give in_rep and out_rep"):
        check.equivariance(torch.nn.Conv2d(1, 1, 3))
    with pytest.raises(FieldTypeError, match="two types of one group"):
        check.equivariance(torch.nn.Conv2d(1, 1, 3), R.trivial(C4), R.trivial(D4))
    with pytest.raises(FieldTypeError, match=r"expected an output with 2 channels.*\(3, 1, 7, 7\)"):
        check.equivariance(torch.nn.Conv2d(1, 1, 3), R.trivial(C4), R.standard(C4), **QUICK)
    with pytest.raises(FieldTypeError, match="accepts none of the sizes"):
        check.equivariance(torch.nn.Linear(5, 5), R.trivial(C4), R.trivial(C4))


def test_fields_agree_with_the_check():
    """The action that the check uses is that of `Field.transform`, on exact elements."""
    net = regular_net().double().eval()
    field = Field(torch.randn(2, 1, 9, 9, dtype=torch.float64), net.in_rep)
    g = C4.elements()[1]
    assert (net(field.transform(g)).tensor - net(field).transform(g).tensor).abs().max() < 1e-12


def test_a_batch_of_one_is_refused():
    with pytest.raises(ConfigError, match="batch of 2"):
        check.equivariance(torch.nn.Conv2d(1, 1, 3), R.trivial(C8), R.trivial(C8), batch=1)


def test_a_block_without_refinement_is_no_error():
    class Block(torch.nn.Module):
        in_rep = out_rep = R.trivial(C8)

        def forward(self, x):
            return x

    report = check.equivariance(nn.Sequential(Block(), nn.ReLU(Block.in_rep)), size=9)
    assert report.refinement is None and report.exact_error == 0
