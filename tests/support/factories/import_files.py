"""Files of other tools, as small tables."""

import sys

import pytest

from mixlaw.cli import app as cli

MIX = """index,train_the_pile_web,train_the_pile_pile_cc
1,0.7,0.3
2,0.25,0.749
3,1,0
"""
LOSS = """index,valid_the_pile_pile_cc/loss,valid_the_pile_law/loss
1,3.1,2.1
2,3.2,
3,3.3,2.3
"""
RATIOS = """run,name,index,wiki,dclm:science
aa,swarm-0,0,0.2,0.8
bb,swarm-1,1,0.6,0.4
cc,swarm-2,2,1.0,0.0
"""
METRICS = """run,name,index,eval/web/CE loss,mmlu:bpb
cc,swarm-2,0,3.3,1.3
aa,swarm-0,1,3.1,1.1
bb,swarm-1,2,3.2,
"""
WB = """Name,State,ID,config.mix.web,config.mix.code,config.n,train/tokens,eval/web/CE loss,eval/code/CE loss,lr,lr__MIN
a - 1,finished,x1,0.5,0.5,1e6,2e8,3.1,2.1,1e-3,1
b,finished,x2,1,,1e6,2e8,3.2,,1e-3,1
c,crashed,x3,0.3,0.7,1e6,1e8,9.9,9.9,1e-3,1
d,finished,x4,0.1,0.9,1e6,2e8,NaN,Infinity,1e-3,1
e,finished,x5,,,1e6,2e8,3.0,2.0,1e-3,1
f,finished,x6,0.25,0.75,1e6,2e8,3.3,NaN,1e-3,1
"""
WB_MAP = {"config.mix.*": "w:*", "eval/*/CE loss": "loss:*", "config.n": "params", "train/tokens": "tokens"}
FILES = {
    "regmix": (MIX, LOSS),
    "olmix": (RATIOS, METRICS),
    "wandb": (
        WB,
        "Step,b - eval/web/CE loss,b - eval/web/CE loss__MIN,a - 1 - eval/web/CE loss\n10,3.2,3,\n20,3.1,3,3.4\n",
        "run,_step,eval/code/CE loss\na - 1,20,2.2\nb,15,2.3\nb,20,2.5\nb,21,\n",
    ),
}


def call(arguments, capfd, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["mixlaw", "import", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    out, err = capfd.readouterr()
    assert "Traceback" not in err
    return int(stop.value.code or 0), out, err
