"""Write torch_files.json: a digest of what PyTorch reads in each of the files of ../shared/models/torch, or "refused".

Run with PyTorch installed: python tests/golden/make_torch_files.py
"""

import hashlib
import json
from pathlib import Path

import torch

HERE = Path(__file__).resolve()
SHARED = HERE.parents[3] / "shared" / "models" / "torch"
MODELS = ("state_dict", "model_state_dict")


def flat(value: object, prefix: str = "") -> dict[str, torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return {prefix: value.detach()}
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = {}
    for name, item in entries:
        found |= flat(item, f"{prefix}.{name}" if prefix else str(name))
    return found


def digest(path: Path) -> str:
    try:
        root = torch.load(path, weights_only=True, map_location="cpu")
    except Exception:
        return "refused"
    told = hashlib.sha256()
    for name, tensor in flat(next((root[key] for key in MODELS if key in root), root)).items():
        array = (tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor).contiguous().numpy()
        told.update(f"{name} {array.shape} {array.dtype} ".encode())
        told.update(array.tobytes())
    return told.hexdigest()


paths = sorted(path for path in SHARED.rglob("*") if path.suffix in (".pt", ".pth", ".th"))
found = {str(path.relative_to(SHARED)): digest(path) for path in paths}
(HERE.parent / "torch_files.json").write_text(json.dumps(found, indent=0) + "\n")
