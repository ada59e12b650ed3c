# SPDX-License-Identifier: GPL-2.0
"""Every kind of frame a tenant may send, over both underlays."""

from packets.rig import frames as f
from packets.rig.scene import scene


def _frames():
    for net in (4, 6):
        for name, frame in f.INNER.items():
            yield scene(f"tx/inner/v{net}/{name}", "1.6 tx", net,
                        remote=f.FAR[net][0], tx=[frame])


def _torn():
    for name, frame in f.TORN.items():
        yield scene(f"tx/torn/{name}", "1.6 tx", 4, remote=f.FAR[4][0],
                    tx=[frame])


CASES = [*_frames(), *_torn()]
