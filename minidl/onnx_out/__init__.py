"""Models written as ONNX files. It needs onnx: `pip install "minidl[onnx]"`."""

from minidl.onnx_out.save import save_onnx

__all__ = ["save_onnx"]
