#!/usr/bin/env python3
"""Writes the golden weight files beside this script with the standard library alone.

The pickles are made by Python's own pickler from stand-ins that carry torch's names, through the same
calls as torch/serialization.py (2.11) `_legacy_save` and `_save`, so the opcodes are those of torch.save.
"""

import io
import json
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from pathlib import Path

HERE = Path(__file__).parent
MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
SYSTEM = {"protocol_version": PROTOCOL, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}

# The pickler writes a class or function as module and name, and checks that the name leads back to it.
torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
sys.modules.update({"torch": torch, "torch._utils": utils})


def _rebuild_tensor_v2(*_):
    raise NotImplementedError


_rebuild_tensor_v2.__module__ = "torch._utils"
utils._rebuild_tensor_v2 = _rebuild_tensor_v2
FORMATS = {"Float": "f", "Half": "e", "Double": "d", "Long": "q", "BFloat16": None}
for kind in FORMATS:
    setattr(torch, f"{kind}Storage", type(f"{kind}Storage", (), {"__module__": "torch"}))


class Storage:
    def __init__(self, kind, values):
        self.kind, self.values = getattr(torch, f"{kind}Storage"), values
        if kind == "BFloat16":
            self.raw = b"".join(struct.pack("<f", v)[2:] for v in values)
        else:
            self.raw = struct.pack(f"<{len(values)}{FORMATS[kind]}", *values)


class Tensor:
    def __init__(self, storage, shape, strides=None, offset=0):
        if strides is None:
            strides, step = [], 1
            for size in reversed(shape):
                strides.insert(0, step)
                step *= size
        self.storage, self.shape, self.strides, self.offset = storage, tuple(shape), tuple(strides), offset

    def __reduce__(self):
        arguments = (self.storage, self.offset, self.shape, self.strides, False, OrderedDict())
        return (utils._rebuild_tensor_v2, arguments)


def model():
    """The tensors that tests/weights.rs expects, and one counter that it does not ask for."""
    conv = Storage("Float", [i / 4 - 1 for i in range(24)])
    ramp = Storage("Float", [float(i) for i in range(6)])
    state = OrderedDict()
    state["conv.weight"] = Tensor(conv, [2, 3, 2, 2])
    state["tied"] = Tensor(conv, [12], offset=12)
    state["turned"] = Tensor(ramp, [3, 2], [1, 3])
    state["expanded"] = Tensor(ramp, [2, 3], [1, 0], offset=4)
    state["half"] = Tensor(Storage("Half", [1.0, -2.0, 65504.0]), [3])
    state["brain"] = Tensor(Storage("BFloat16", [1.0, -3.125, 0.5]), [3])
    state["double"] = Tensor(Storage("Double", [0.1, -1.5, 1e300]), [3])
    state["scale"] = Tensor(Storage("Float", [3.5]), [])
    state["bn.num_batches_tracked"] = Tensor(Storage("Long", [7]), [])
    # torch hangs `_metadata` on the state dict: the pickle ends in a BUILD.
    state._metadata = OrderedDict([("", {"version": 1})])
    return state


def dump(value, key_of, legacy, protocol=2):
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            if isinstance(obj, Storage):
                identity = ("storage", obj.kind, key_of(obj), "cpu", len(obj.values))
                return (*identity, None) if legacy else identity
            return None

    out = io.BytesIO()
    Pickler(out, protocol=protocol).dump(value)
    return out.getvalue()


def legacy(path, value):
    storages = []

    def key_of(storage):
        if storage not in storages:
            storages.append(storage)
        return str(94272052322544 + 1040 * storages.index(storage))

    out = b"".join(pickle.dumps(head, protocol=2) for head in (MAGIC, PROTOCOL, SYSTEM))
    out += dump(value, key_of, legacy=True)
    storages_by_key = sorted((key_of(storage), storage) for storage in list(storages))
    out += pickle.dumps([key for key, _ in storages_by_key], protocol=2)
    for _, storage in storages_by_key:
        out += struct.pack("<q", len(storage.values)) + storage.raw
    path.write_bytes(out)


def archive(path, value, compression=zipfile.ZIP_STORED, protocol=2):
    storages = []

    def key_of(storage):
        if storage not in storages:
            storages.append(storage)
        return str(storages.index(storage))

    records = [("data.pkl", dump(value, key_of, legacy=False, protocol=protocol)), (".format_version", b"1"),
               (".storage_alignment", b"64"), ("byteorder", b"little")]
    records += [(f"data/{key}", storage.raw) for key, storage in enumerate(storages)]
    records += [("version", b"3\n"), (".data/serialization_id", b"0" * 40)]
    with zipfile.ZipFile(path, "w", compression) as out:
        for name, data in records:
            info = zipfile.ZipInfo(f"{path.stem}/{name}", (1980, 1, 1, 0, 0, 0))
            info.compress_type = compression
            # torch pads each local header with an "FB" field, so that data starts at a multiple of 64 bytes.
            padding = -(out.fp.tell() + 30 + len(info.filename) + 4) % 64
            info.extra = struct.pack("<2sH", b"FB", padding) + b"Z" * padding
            out.writestr(info, data)


def safetensors(path, state):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    names = {"Float": "F32", "Half": "F16", "Double": "F64", "Long": "I64", "BFloat16": "BF16"}
    for name, tensor in state.items():
        storage = tensor.storage
        size = len(storage.raw) // len(storage.values)
        places = [tensor.offset]
        for length, stride in zip(tensor.shape, tensor.strides):
            places = [place + i * stride for place in places for i in range(length)]
        raw = b"".join(storage.raw[size * place:size * place + size] for place in places)
        kind = names[storage.kind.__name__.removesuffix("Storage")]
        offsets = [len(data), len(data) + len(raw)]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": offsets}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


if __name__ == "__main__":
    legacy(HERE / "legacy.pth", model())
    archive(HERE / "zip.pth", model())
    checkpoint = {"epoch": 3, "arch": "tiny", "best": 0.5, "state_dict": model()}
    archive(HERE / "checkpoint.pth", checkpoint, zipfile.ZIP_DEFLATED, protocol=4)
    safetensors(HERE / "tiny.safetensors", model())
