import sys, random
from tests.experiments.machine_faults.test_full_disk import COMMANDS, PAGE
from tests.experiments.machine_faults.forked import melisma
from tests.experiments.machine_faults.places import *
import pytest
@pytest.mark.parametrize("name", list(COMMANDS))
def test_probe(world, tmp_path, name):
    words=COMMANDS[name](world)
    with disk(tmp_path/"whole") as d:
        e=melisma(words,tmp_path/"whole"); print(name, e.code, round(e.seconds,1), e.orphans, e.output[-1500:] if e.code else "")
        whole=contents(tmp_path/"whole")
    with disk(tmp_path/"again") as d:
        e=melisma(words,tmp_path/"again")
        again=contents(tmp_path/"again")
    print({k:len(v) for k,v in whole.items()}, "differ:", [k for k in whole if whole[k]!=again.get(k)])
    pages=sum(-(-len(v)//PAGE) for v in whole.values())
    for k in sorted({1+int(pages*f) for f in (0,.1,.3,.5,.7,.9,.97)}):
        with disk(tmp_path/f"d{k}",k*PAGE) as d:
            e=melisma(words,tmp_path/f"d{k}")
            print(k,"of",pages,e.code,e.told, "TRACE" if "Traceback" in e.output else "", e.output[-1800:] if "Traceback" in e.output or e.code not in (0,1) else "")
            part=contents(tmp_path/f"d{k}"); print("    left:", [p for p in part if part[p]!=whole.get(p) and 'staging' not in p])
            d.resize(1<<28)
            e=melisma(words,tmp_path/f"d{k}")
            now=contents(tmp_path/f"d{k}")
            print("    again:",e.code,[p for p in whole if now.get(p)!=whole[p]], [p for p in now if p not in whole], e.output[-500:] if e.code else "")
