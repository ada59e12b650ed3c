# SPDX-License-Identifier: GPL-2.0
"""What is learned from frames that come in, and what is told of it."""

from lib.fdb import DYNAMIC, PERMANENT, STATIC, Fdb
from lib import nldefs as d

from packets.rig import frames as f
from packets.rig.cable import DEV
from packets.rig.scene import scene

ROW = "1.3 learning"
FRAME = f.udp(4, f.ALICE, f.BOB)


def _from(net, number=0, frame=FRAME, **words):
    return f.outer(net, frame, src=f.FAR[net][number], **words)


def _learn(name, net=4, *packets, device=(), row=ROW, **words):
    words.setdefault("one_by_one", True)
    return scene(f"learn/{name}/v{net}", row, net, device, rx=packets,
                 **words)


def _plain():
    for net in (4, 6):
        yield _learn("one", net, _from(net))
        yield _learn("again", net, _from(net), _from(net))
        yield _learn("off", net, _from(net), device={"LEARNING": 0})
        yield _learn("moved", net, _from(net), _from(net, 1))
        yield _learn("moved-back", net, _from(net), _from(net, 1), _from(net))
        yield _learn("beside-default", net, _from(net),
                     remote=f.FAR[net][2])
        yield _learn("many", net, *[
            _from(net, n % 3, f.udp(4, src=f"02:00:00:00:dd:{n:02x}"))
            for n in range(12)])
        yield _learn("other-frames", net, *[
            _from(net, 0, frame) for frame in (
                f.arp(src="02:00:00:00:dd:01"),
                f.other(src="02:00:00:00:dd:02"),
                f.tagged(f.udp(6, src="02:00:00:00:dd:03"), (9,)))])
        yield _learn("answer", net, _from(net), during=_answer)
        yield _learn("answer-moved", net, _from(net), _from(net, 1),
                     during=_answer)
    yield _learn("link-local", 6, f.outer(
        6, FRAME, src=f.FAR_LINK_LOCAL, dst=f.NEAR_LINK_LOCAL),
        device={"LOCAL6": f.NEAR_LINK_LOCAL}, during=_answer)
    yield _learn("other-port", 4, _from(4, sport=12345, dport=4789),
                 device={"PORT": 4789})
    yield _learn("vni-most", 4, _from(4, vni=0xffffff),
                 device={"ID": 0xffffff})
    yield _learn("vni-0", 4, _from(4, vni=0), device={"ID": 0})
    yield _learn("no-lower", 4, _from(4), device={"LINK": None})


def _answer(cable):
    """A frame to what was learned."""

    cable.send(f.udp(4, f.BOB))


def _entries():
    """A source for which there is an entry already."""
    for net in (4, 6):
        for name, state in (("permanent", PERMANENT), ("static", STATIC),
                            ("dynamic", DYNAMIC)):
            for place, number in (("same", 0), ("other", 1)):
                for learning in (1, 0):
                    label = "on" if learning else "off"
                    yield _learn(
                        f"entry/{name}/{place}/{label}", net,
                        _from(net, number), device={"LEARNING": learning},
                        fdb=[(f.BOB, f.FAR[net][0], {"state": state})])
        yield _learn("entry/port", net, _from(net),
                     fdb=[(f.BOB, f.FAR[net][0], {"port": 99})])
        yield _learn("entry/port-moved", net, _from(net, 1), fdb=[
            (f.BOB, f.FAR[net][0], {"port": 99, "vni": 5,
                                    "state": DYNAMIC})])
        yield _learn("entry/via", net, _from(net), fdb=[
            (f.BOB, f.FAR[net][0], {"via": "eth0"})])
        yield _learn("entry/via-dynamic", net, _from(net), fdb=[
            (f.BOB, f.FAR[net][0], {"via": "eth0", "state": DYNAMIC})])
        yield _learn("entry/black-hole", net, _from(net), fdb=[
            (f.BOB, f.ANY[net], {})])
        yield _learn("entry/black-hole-dynamic", net, _from(net), fdb=[
            (f.BOB, f.ANY[net], {"state": DYNAMIC})])
    for flags in (d.NTF_EXT_LEARNED, d.NTF_STICKY, d.NTF_ROUTER):
        for place, number in (("same", 0), ("other", 1)):
            yield _learn(f"entry/flags-{flags:02x}/{place}", 4,
                         _from(4, number), before=_flagged(flags))


def _flagged(flags):
    def before(cable):
        Fdb(cable.ns, DEV).change(f.BOB, f.FAR[4][0], d.NLM_F_CREATE,
                                  DYNAMIC, d.NTF_SELF | flags)
        cable.forget_events()
    return before


def _limits():
    for count in (1, 2, 3):
        yield _learn(f"limit/{count}", 4, *[
            _from(4, 0, f.udp(4, src=f"02:00:00:00:dd:{n:02x}"))
            for n in range(3)], device={"LIMIT": count},
            row="1.2 LIMIT")
        yield _learn(f"limit/{count}-default", 4, *[
            _from(4, 0, f.udp(4, src=f"02:00:00:00:dd:{n:02x}"))
            for n in range(3)], device={"LIMIT": count}, row="1.2 LIMIT",
            remote=f.FAR[4][1])
    yield _learn("limit/moved", 4, _from(4), _from(4, 1),
                 device={"LIMIT": 1}, row="1.2 LIMIT")


def _switched():
    """Learning switched off and on; the device down and up."""
    def switch(name, *actions, **words):
        def during(cable):
            for action in actions:
                action(cable)
        return _learn(f"switch/{name}", 4, _from(4), during=during, **words)

    def again(cable):
        cable.world.send(_from(4, 1, f.udp(4, src=f.CAROL)), _from(4, 1))
        cable.settle()

    yield switch("off", lambda c: c.change_device(LEARNING=0), again)
    yield switch("off-on", lambda c: c.change_device(LEARNING=0), again,
                 lambda c: c.change_device(LEARNING=1), again)
    yield switch("down", lambda c: c.ns.rtnl.setlink(DEV, up=False))
    yield switch("down-up", lambda c: c.ns.rtnl.setlink(DEV, up=False),
                 lambda c: c.ns.rtnl.setlink(DEV, up=True), again)
    yield switch("deleted", lambda c: Fdb(c.ns, DEV).delete(f.BOB), again)
    yield switch("made-permanent", lambda c: Fdb(c.ns, DEV).replace(
        f.BOB, f.FAR[4][0]), again)
    yield switch("replaced", lambda c: Fdb(c.ns, DEV).replace(
        f.BOB, f.FAR[4][2], DYNAMIC), again)


def _ageing():
    """Nothing is heard for longer than the ageing time."""
    def age(cable):
        cable.change_device(AGEING=1)
        cable.monitor.wait_for(
            lambda e: e["type"] == d.RTM_DELNEIGH and e["mac"] == f.BOB)
    row = "1.3 ageing"
    for net in (4, 6):
        yield _learn("ageing/learned", net, _from(net), during=age, row=row)
    yield _learn("ageing/dynamic", 4, fdb=[
        (f.BOB, f.FAR[4][0], {"state": DYNAMIC}),
        (f.CAROL, f.FAR[4][0], {"state": STATIC}),
        (f.ALICE, f.FAR[4][0], {})], during=age, row=row)
    yield _learn("ageing/moved", 4, _from(4), _from(4, 1), during=age,
                 row=row)
    yield _learn("ageing/external", 4, _from(4), during=age, row=row,
                 before=lambda c: Fdb(c.ns, DEV).change(
                     f.CAROL, f.FAR[4][0], d.NLM_F_CREATE, DYNAMIC,
                     d.NTF_SELF | d.NTF_EXT_LEARNED))


CASES = [*_plain(), *_entries(), *_limits(), *_switched(), *_ageing()]
