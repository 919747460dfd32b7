"""What a folder of pictures holds is counted, and what is damaged or there twice is named."""

import json
import shutil

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image", reason="needs the extra `data`")


@pytest.fixture
def photos(tmp_path):
    rng = np.random.default_rng(0)
    root = tmp_path / "photos"
    for part, count in (("train", 3), ("test", 2)):
        for name in ("ant", "bee"):
            folder = root / part / name
            folder.mkdir(parents=True)
            for i in range(count):
                size = (10 + i, 20)
                Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(folder / f"{i}.png")
    (root / "train" / "bee" / "damaged.jpg").write_bytes(b"not a picture")
    shutil.copy(root / "train" / "ant" / "1.png", root / "test" / "ant" / "again.png")
    shutil.copy(
        root / "train" / "ant" / "2.png", root / "train" / "ant" / "same.png"
    )  # harmless: of one part and class
    return root


def test_as_json(command, photos):
    result = command("data", "show", photos, "--json")
    assert (result.code, result.err) == (0, "")
    found = json.loads(result.out)
    assert found["pictures"] == 13
    assert found["classes"] == {"ant": {"train": 4, "test": 3}, "bee": {"train": 4, "test": 2}}
    assert (found["smallest"], found["largest"], found["most_common"]) == ([10, 20], [12, 20], [11, 20])
    assert list(found["damaged"]) == ["train/bee/damaged.jpg"]
    assert [sorted(paths) for paths in found["doubles"]] == [["test/ant/again.png", "train/ant/1.png"]]
    assert found["bytes"] == sum(path.stat().st_size for path in photos.rglob("*.*"))


def test_as_text(command, photos):
    lines = command("data", "show", photos).out.splitlines()
    assert lines[0].startswith("13 pictures of 2 classes, ")
    assert [line.split() for line in lines[2:5]] == [["class", "train", "test"], ["ant", "4", "3"], ["bee", "4", "2"]]
    assert "height x width: 10 x 20 to 12 x 20, most often 11 x 20" in lines
    assert any(line.startswith("can't be read: ") and "damaged.jpg: not a picture" in line for line in lines)
    assert any(line.startswith("the same picture: ") and "again.png" in line for line in lines)


def test_pictures_are_shown_after_it(command, photos, tmp_path):
    out = command("data", "show", photos, "--text", "--count", "1").out
    rows = out.split("the same picture")[1].splitlines()
    assert "ant" in rows
    assert "bee" in rows
    pytest.importorskip("matplotlib")
    assert command("data", "show", photos, "--out", tmp_path / "grid.png").code == 0
    with Image.open(tmp_path / "grid.png") as picture:
        assert picture.size[0] > 100


def test_what_is_no_folder(fails, tmp_path):
    assert "'photoz' is neither a folder nor a data set" in fails("data", "show", "photoz")
    assert "expected a folder for each class" in fails("data", "show", tmp_path)
    assert "argument --json: only for folders" in fails("data", "show", "mnist", "--json")
