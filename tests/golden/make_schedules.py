"""Write schedules.npz: PyTorch's learning rates, and momenta, at each of sixty steps.

Run with PyTorch installed: python tests/golden/make_schedules.py
"""

import warnings
from pathlib import Path

import numpy as np
import torch
from torch.optim import lr_scheduler as S

STEPS = 60
VALUES = np.abs(np.sin(np.arange(STEPS) * 0.7)) + 1 / (1 + np.arange(STEPS))  # falls, and then stops falling
VALUES[20] = np.nan

CYCLE = {"max_lr": 1.5, "total_steps": STEPS}
CASES = {
    "Step": lambda o: S.StepLR(o, step_size=7, gamma=0.5),
    "MultiStep": lambda o: S.MultiStepLR(o, milestones=[4, 9, 9, 30], gamma=0.3),
    "Exponential": lambda o: S.ExponentialLR(o, gamma=0.9),
    "CosineAnnealing": lambda o: S.CosineAnnealingLR(o, T_max=25, eta_min=0.01),
    "CosineAnnealingWarmRestarts": lambda o: S.CosineAnnealingWarmRestarts(o, T_0=8, eta_min=0.02),
    "CosineAnnealingWarmRestarts longer": lambda o: S.CosineAnnealingWarmRestarts(o, T_0=5, T_mult=2),
    "OneCycle": lambda o: S.OneCycleLR(o, **CYCLE),
    "OneCycle linear": lambda o: S.OneCycleLR(
        o,
        **CYCLE,
        anneal_strategy="linear",
        pct_start=0.4,
        div_factor=10,
        final_div_factor=100,
        base_momentum=0.7,
        max_momentum=0.9,
    ),
    "OneCycle three phases": lambda o: S.OneCycleLR(o, **CYCLE, three_phase=True),
    "Polynomial": lambda o: S.PolynomialLR(o, total_iters=25),
    "Polynomial cubed": lambda o: S.PolynomialLR(o, total_iters=70, power=3),
    "Lambda": lambda o: S.LambdaLR(o, lambda step: 0.95**step / (1 + step)),
    "Cyclic": lambda o: S.CyclicLR(o, base_lr=0.1, max_lr=1.5, step_size_up=7),
    "Cyclic halved": lambda o: S.CyclicLR(
        o, base_lr=0.8, max_lr=1.5, step_size_up=4, step_size_down=9, mode="triangular2", base_momentum=0.5
    ),
    "Cyclic exponential": lambda o: S.CyclicLR(
        o, base_lr=0.2, max_lr=2, step_size_up=5, mode="exp_range", gamma=0.97, cycle_momentum=False
    ),
    "WarmUp": lambda o: S.LinearLR(o, start_factor=0.1, total_iters=12),
    "WarmUp, then Exponential": lambda o: S.SequentialLR(
        o, [S.LinearLR(o, start_factor=0.25, total_iters=6), S.ExponentialLR(o, gamma=0.9)], milestones=[6]
    ),
    "WarmUp, then CosineAnnealing": lambda o: S.SequentialLR(
        o, [S.LinearLR(o, start_factor=1 / 3, total_iters=10), S.CosineAnnealingLR(o, T_max=50)], milestones=[10]
    ),
    "ReduceOnPlateau": lambda o: S.ReduceLROnPlateau(o, patience=3),
    "ReduceOnPlateau max": lambda o: S.ReduceLROnPlateau(
        o, mode="max", factor=0.5, patience=2, threshold=0.1, cooldown=4, min_lr=0.05
    ),
    "ReduceOnPlateau abs": lambda o: S.ReduceLROnPlateau(
        o, factor=0.3, patience=4, threshold=0.05, threshold_mode="abs", eps=0.02
    ),
}


def main():
    warnings.simplefilter("ignore")  # the order in which SequentialLR makes its schedules' first steps
    arrays = {"values": VALUES, "versions": np.array(f"torch {torch.__version__}, numpy {np.__version__}")}
    for name, make in CASES.items():
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.8, momentum=0.9)
        schedule = make(optimizer)
        rates, momenta = [optimizer.param_groups[0]["lr"]], [optimizer.param_groups[0]["momentum"]]
        for value in VALUES:
            optimizer.step()
            schedule.step(*[value] * ("Plateau" in name))
            rates.append(optimizer.param_groups[0]["lr"])
            momenta.append(optimizer.param_groups[0]["momentum"])
        arrays[name], arrays[f"{name}/momentum"] = np.array(rates), np.array(momenta)
    np.savez_compressed(Path(__file__).with_name("schedules.npz"), **arrays)


if __name__ == "__main__":
    main()
