import pytest
import torch
from torch import nn

from torsor.errors import ConfigError
from torsor.train import TrainConfig
from torsor.train.config import choose
from torsor.train.schedule import learning_rate, optimizer
from torsor.train.seeds import derive, seeded


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 0}, "epochs to be an integer of at least 1, received 0"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"seed": -1}, "seed"),
        ({"lr": 0.0}, "lr > 0"),
        ({"lr": float("nan")}, "lr > 0"),
        ({"warmup": 1.0}, "warmup"),
        ({"checkpoint_every": 0}, "checkpoint_every"),
        ({"optimizer": "admaw"}, "did you mean 'adamw'"),
        ({"schedule": "onecycle"}, "did you mean 'one-cycle'"),
    ],
)
def test_impossible_settings(settings, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig(**settings)


def test_choose_lists_what_there_is():
    with pytest.raises(ConfigError, match=r"unknown fruit 'zzz' \(there are: apple, pear\)"):
        choose("fruit", "zzz", ["apple", "pear"])
    with pytest.raises(ConfigError, match="did you mean 'apple'"):
        choose("fruit", "APPLE", ["apple", "pear"])


def test_identity_leaves_out_where_a_run_runs():
    here, there = TrainConfig(), TrainConfig(devices=2, checkpoint_every=3, accelerator="cpu", progress=True)
    assert here.identity() == there.identity()
    assert here.identity() != TrainConfig(lr=1.0).identity()


def test_one_cycle_rises_then_falls_to_zero():
    factor = learning_rate(TrainConfig(schedule="one-cycle", warmup=0.25), 100)
    values = [factor(step) for step in range(101)]
    assert values[24] == 1.0 and values[100] == pytest.approx(0)
    assert values[:25] == sorted(values[:25]) and values[24:] == sorted(values[24:], reverse=True)
    assert values[0] == pytest.approx(0.04 + 0.96 / 25)


def test_cosine_and_constant():
    cosine = learning_rate(TrainConfig(schedule="cosine"), 10)
    assert (cosine(0), cosine(5), cosine(10)) == pytest.approx((1, 0.5, 0))
    assert {learning_rate(TrainConfig(schedule="constant"), 10)(s) for s in range(11)} == {1.0}


def test_weight_decay_spares_biases():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    groups = optimizer(net, TrainConfig(weight_decay=0.1)).param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert [decay[id(p)] for p in net.parameters()] == [0.1, 0.0, 0.1, 0.0]


@pytest.mark.parametrize("name", ["adam", "adamw", "sgd"])
def test_optimisers_descend(name):
    net = nn.Linear(1, 1, bias=False)
    nn.init.constant_(net.weight, 2.0)
    optim = optimizer(net, TrainConfig(optimizer=name, lr=0.02))
    for _ in range(5):
        optim.zero_grad()
        net.weight.square().sum().backward()
        optim.step()
    assert 0 < net.weight.item() < 1.95


def test_derived_seeds_differ_and_depend_on_order():
    seeds = {derive(a, b) for a in range(20) for b in range(20)}
    assert len(seeds) == 400 and all(0 <= s < 2**63 for s in seeds)
    assert derive(1, 2) == derive(1, 2)


def test_seeded_gives_the_state_back():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    with seeded(1):
        first = torch.rand(3)
    assert torch.equal(torch.rand(3), expected)
    with seeded(1):
        assert torch.equal(torch.rand(3), first)
