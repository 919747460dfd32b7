"""`minidl report`."""

import json
import re
import webbrowser

import pytest

import minidl

pytest.importorskip("matplotlib", reason="needs matplotlib")


def test_the_page_of_a_run(command, trained, few_images, tmp_path):
    out = tmp_path / "page.html"
    result = command("report", trained.path, "--out", out, "--no-timings")
    assert (result.code, result.out, result.err) == (0, f"written to {out}\n", "")
    text = out.read_text("utf-8")
    assert "<h1>trained, tested on fashion-mnist-10k</h1>" in text
    accuracy = trained.history["test_accuracy"][0]
    assert f"<b>{accuracy:.2%}</b><span>accuracy on {len(few_images[1])} images; " in text
    assert 'id="curves"' in text
    assert "test_loss of each epoch" not in text
    assert "<tr><td>model</td><td>tutorial</td></tr>" in text
    assert re.search(r"<td[^>]*>Ankle boot</td>", text)
    assert ">backward<" not in text


def test_the_page_is_in_the_run_s_folder_by_default(command, trained, tmp_path):
    run = tmp_path / "runs" / "a<b>"
    run.mkdir(parents=True)
    for name in ("model.npz", "config.toml", "history.csv"):
        (run / name).write_bytes((trained.folder / name).read_bytes())
    result = command("report", run, "--json", "--batch-size", "2", "--title", "My <run>")
    assert json.loads(result.out) == {
        "report": str(run / "report.html"),
        "data": "fashion-mnist-10k",
        "split": "test",
        "images": 200,
    }
    text = (run / "report.html").read_text("utf-8")
    assert "<h1>My &lt;run&gt;</h1>" in text
    assert "for a batch of 2 in training" in text
    assert 'id="curves"' in text


def test_the_page_of_a_model_s_file(command, fails, trained, tmp_path):
    model = tmp_path / "net.npz"
    model.write_bytes((trained.folder / "model.npz").read_bytes())
    assert "add --data with a path, or one of fashion-mnist-10k" in fails("report", model)
    assert not (tmp_path / "net.html").exists()
    command("report", model, "--data", "fashion-mnist-10k", "--no-timings")
    text = (tmp_path / "net.html").read_text("utf-8")
    assert "<h1>net, tested on fashion-mnist-10k</h1>" in text
    assert 'id="curves"' not in text


def test_the_same_run_gives_the_same_page(command, trained, tmp_path):
    for name in ("one.html", "two.html"):
        command("report", trained.path, "--out", tmp_path / name, "--no-timings")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_it_is_shown_in_the_browser(command, trained, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    command("report", trained.path, "--out", tmp_path / "page.html", "--no-timings", "--open")
    assert shown == [(tmp_path / "page.html").as_uri()]


def test_mistakes_are_found_before_any_work(fails, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(minidl.datasets.fashion, "fashion_mnist_10k", lambda: pytest.fail("worked"))
    assert "isn't a file in an existing folder" in fails("report", trained.path, "--out", tmp_path / "no" / "r.html")
    assert "isn't a file in an existing folder" in fails("report", trained.path, "--out", tmp_path)
    assert "No such file" in fails("report", tmp_path / "nothing")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert 'pip install "minidl[plot]"' in fails("report", trained.path, "--out", tmp_path / "r.html")


def test_images_of_another_size(fails, tmp_path):
    model = minidl.Sequential([minidl.Flatten(), minidl.Dense(10)], input_shape=(1, 5, 5), seed=0)
    model.save(tmp_path / "net.npz")
    assert "got (200, 784)" in fails("report", tmp_path / "net.npz", "--data", "fashion-mnist-10k")
    assert not (tmp_path / "net.html").exists()


def test_other_commands_do_without_matplotlib(run_python):
    program = "import sys, minidl.cli\nprint([name for name in ('matplotlib', 'tqdm') if name in sys.modules])"
    assert run_python(program).stdout.strip() == "[]"
