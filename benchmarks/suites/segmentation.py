"""How well U-Net tells the pixels of garments, pasted on noise, from one another."""

from benchmarks.crew import Crew
from benchmarks.report import Report, Table, duration
from benchmarks.timing import Settings


def run(crew: Crew, settings: Settings) -> Report:
    """One training with seed 0; intersection over union on scenes of garments that it hasn't seen."""
    report = Report("segmentation")
    options = {"seed": 0, "verbose": 0 if settings.quick else 2}
    if settings.quick:
        options |= {"count": 64, "epochs": 1}
    result = crew.once("benchmarks.segmentation:train", options)
    report.tables.append(
        Table(
            f"Scenes of held-out garments: {result['scenes']:,} trained on, {result['epochs']} epochs",
            ["what", "intersection over union"],
            rows=[[kind, f"{value:.1%}"] for kind, value in [*result["ious"].items(), ("mean", result["iou"])]],
        )
    )
    report.notes.append(f"{result['accuracy']:.1%} of the pixels are right; training: {duration(result['seconds'])}")
    report.records.append({"case": "unet", "contestant": "minidl", "seed": 0, **result})
    return report
