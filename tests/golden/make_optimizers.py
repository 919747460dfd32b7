"""Write optimizers.npz: where PyTorch's and Keras's optimizers are after each of ten steps, in float64.

Run with PyTorch and Keras installed: KERAS_BACKEND=torch python tests/golden/make_optimizers.py
"""

import json
from pathlib import Path

import keras
import numpy as np
import torch

STEPS = 10
rng = np.random.default_rng(0)
START = rng.standard_normal(5)
GRADIENTS = rng.standard_normal((STEPS, 5)) * np.array([1, 0.1, 10, 1e-3, 1])

# name: (class in PyTorch, options)
PYTORCH = {
    "SGD": ("SGD", {"lr": 0.1}),
    "SGD momentum": ("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    "SGD Nesterov": ("SGD", {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    "SGD dampened": ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01}),
    "SGD clipped": ("SGD", {"lr": 0.1, "momentum": 0.9, "clip_norm": 1.5}),
    "SGD clipped by value": ("SGD", {"lr": 0.1, "clip_value": 0.5}),
    "Adam": ("Adam", {"lr": 0.01}),
    "Adam every option": ("Adam", {"lr": 0.1, "betas": [0.8, 0.99], "eps": 1e-4, "weight_decay": 0.01}),
    "Adam AMSGrad": ("Adam", {"lr": 0.1, "amsgrad": True, "betas": [0.9, 0.5], "weight_decay": 0.01}),
    "Adam clipped": ("Adam", {"lr": 0.01, "clip_norm": 0.1, "clip_value": 2.0}),
    "AdamW": ("AdamW", {"lr": 0.01}),
    "AdamW every option": ("AdamW", {"lr": 0.1, "betas": [0.8, 0.99], "eps": 1e-4, "weight_decay": 0.3}),
    "AdamW AMSGrad": ("AdamW", {"lr": 0.1, "amsgrad": True, "betas": [0.8, 0.6], "weight_decay": 0.3}),
    "RMSProp": ("RMSprop", {"lr": 0.01}),
    "RMSProp momentum": ("RMSprop", {"lr": 0.01, "alpha": 0.9, "momentum": 0.9, "weight_decay": 0.1}),
    "RMSProp centered": ("RMSprop", {"lr": 0.01, "centered": True, "eps": 1e-4}),
    "RMSProp every option": (
        "RMSprop",
        {"lr": 0.01, "alpha": 0.8, "momentum": 0.5, "centered": True, "weight_decay": 0.1},
    ),
    "Adagrad": ("Adagrad", {"lr": 0.1}),
    "Adagrad every option": (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3, "weight_decay": 0.1},
    ),
}
# Where Keras places eps elsewhere it is 0, so that the rules agree.
KERAS = {
    "Keras SGD": ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}, {"momentum": 0.9, "nesterov": True}),
    "Keras Adam": ("Adam", {"lr": 0.01, "eps": 0}, {"epsilon": 0}),
    "Keras AdamW": ("AdamW", {"lr": 0.01, "eps": 0, "weight_decay": 0.3}, {"epsilon": 0, "weight_decay": 0.3}),
    "Keras RMSProp": (
        "RMSprop",
        {"lr": 0.01, "alpha": 0.8, "momentum": 0.5, "centered": True, "eps": 0},
        {"rho": 0.8, "momentum": 0.5, "centered": True, "epsilon": 0},
    ),
    "Keras Adagrad": (
        "Adagrad",
        {"lr": 0.1, "eps": 0, "initial_accumulator_value": 0.1},
        {"epsilon": 0, "initial_accumulator_value": 0.1},
    ),
    "Keras Lion": ("Lion", {"lr": 0.01}, {}),
    "Keras Lion every option": (
        "Lion",
        {"lr": 0.01, "betas": [0.5, 0.8], "weight_decay": 0.3},
        {"beta_1": 0.5, "beta_2": 0.8, "weight_decay": 0.3},
    ),
}


def with_pytorch(kind, options):
    options = dict(options)
    clip_value, clip_norm = options.pop("clip_value", None), options.pop("clip_norm", None)
    parameter = torch.nn.Parameter(torch.tensor(START))
    optimizer = getattr(torch.optim, kind)([parameter], **options)
    for gradient in GRADIENTS:
        parameter.grad = torch.tensor(gradient)
        if clip_value is not None:
            torch.nn.utils.clip_grad_value_([parameter], clip_value)
        if clip_norm is not None:
            torch.nn.utils.clip_grad_norm_([parameter], clip_norm)
        optimizer.step()
        yield parameter.detach().numpy().copy()


def with_keras(kind, lr, options):
    variable = keras.Variable(START, dtype="float64")
    optimizer = getattr(keras.optimizers, kind)(learning_rate=lr, **options)
    optimizer.build([variable])
    for gradient in GRADIENTS:
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float64")], [variable])
        yield keras.ops.convert_to_numpy(variable).copy()


def averages(**how):
    """PyTorch's AveragedModel over ten positions."""
    model = torch.nn.Linear(5, 1, bias=False).double()
    average = torch.optim.swa_utils.AveragedModel(model, **how)
    for gradient in GRADIENTS:
        model.weight.data[...] = torch.tensor(gradient)
        average.update_parameters(model)
        yield average.module.weight.detach().numpy()[0].copy()


def main():
    keras.config.set_floatx("float64")
    arrays = {
        "start": START,
        "gradients": GRADIENTS,
        "averages": np.array(list(averages(multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9)))),
        "equal averages": np.array(list(averages(avg_fn=torch.optim.swa_utils.get_swa_avg_fn()))),
        "versions": np.array(f"torch {torch.__version__}, keras {keras.__version__}, numpy {np.__version__}"),
    }
    options = {}
    for name, (kind, ours) in PYTORCH.items():
        arrays[name], options[name] = np.array(list(with_pytorch(kind, ours))), ours
    for name, (kind, ours, theirs) in KERAS.items():
        arrays[name], options[name] = np.array(list(with_keras(kind, ours["lr"], theirs))), ours
    np.savez_compressed(Path(__file__).with_name("optimizers.npz"), options=np.array(json.dumps(options)), **arrays)


if __name__ == "__main__":
    main()
