"""The accuracy that the ready models reach on the test images of Fashion-MNIST, each by its recipe."""

from typing import Any

from benchmarks import recipes
from benchmarks.crew import Crew
from benchmarks.report import Report, Table, duration
from benchmarks.timing import Settings


def run(crew: Crew, settings: Settings) -> Report:
    """One training of each model, with seed 0; the accuracy is that after the last epoch, not the best."""
    report = Report("accuracy")
    try:
        recipes.data(quick=settings.quick)
    except FileNotFoundError as error:
        report.notes.append(f"accuracy is left out: {error}")
        return report
    table = Table("Test images of Fashion-MNIST", ["model", "recipe", "epochs", "accuracy", "training"], labels=2)
    for name, recipe in recipes.RECIPES.items():
        options: dict[str, Any] = {"name": name, "seed": 0, "quick": settings.quick}
        if settings.quick:
            options["epochs"] = 1
        result = crew.once("benchmarks.recipes:train", options)
        table.rows.append(
            [name, recipe.text(), str(result["epochs"]), f"{result['accuracy']:.2%}", duration(result["seconds"])]
        )
        report.records.append({"case": name, "contestant": "minidl", "recipe": recipe.text(), "seed": 0, **result})
    report.tables.append(table)
    return report
